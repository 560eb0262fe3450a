// QEMU's monitor: one command, and its end.
import { connect } from 'node:net'

/** Sends a command to the monitor at a socket and waits until it has been carried out. */
export function monitorCommand(path, command) {
  return new Promise((resolve, reject) => {
    let text = ''
    let sent = false
    const socket = connect(path)
    socket.setEncoding('utf8')
    socket.on('error', reject)
    socket.on('data', (data) => {
      text += data
      // The prompt comes once as a welcome, and again when the command is done.
      if (!text.endsWith('(qemu) ')) return
      if (sent) {
        socket.end()
        resolve()
      } else {
        sent = true
        text = ''
        socket.write(`${command}\n`)
      }
    })
  })
}

/** What a guest may ask for, in the words of this QEMU: the option was renamed in version 8.1. */
export function monitorWords(request, version) {
  const [major, minor] = /version (\d+)\.(\d+)/.exec(version).slice(1).map(Number)
  const option = major > 8 || (major === 8 && minor >= 1) ? 'one-insn-per-tb' : 'singlestep'
  const match = /^singlestep (on|off)$/.exec(request)
  return match === null ? null : `${option} ${match[1]}`
}
