"""Runs a program in a pseudo-terminal: pseudo-terminal.py COLUMNS ROWS PROGRAM ARGUMENTS...

Standard input goes to the terminal, and what the terminal gets goes to standard output. A line "COLUMNS ROWS" on file
descriptor 3 changes its size, and a line "SIGNAL" sends the program the signal of that number. At the end, descriptor 4 gets a line: the
status of the program, whether the terminal echoes, and whether it reads lines.
"""
import fcntl
import os
import pty
import select
import struct
import sys
import termios


def resize(terminal, columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))


master, terminal = pty.openpty()
resize(terminal, sys.argv[1], sys.argv[2])
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for number in (0, 1, 2):
        os.dup2(terminal, number)
    os.closerange(3, 256)
    os.execvp(sys.argv[3], sys.argv[3:])
ended = os.pidfd_open(child)
sources = [0, 3, master, ended]
while ended in sources:
    ready = select.select(sources, [], [])[0]
    if master in ready:
        os.write(1, os.read(master, 65536))
        continue
    for source in ready:
        if source == ended:
            sources.remove(ended)
            continue
        data = os.read(source, 65536)
        if not data:
            sources.remove(source)
        elif source == 0:
            os.write(master, data)
        else:
            for line in data.decode().splitlines():
                words = line.split()
                if len(words) == 1:
                    os.kill(child, int(words[0]))
                else:
                    resize(master, *words)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
while select.select([master], [], [], 0)[0]:
    os.write(1, os.read(master, 65536))
flags = termios.tcgetattr(terminal)[3]
os.write(4, f"{status} {bool(flags & termios.ECHO)} {bool(flags & termios.ICANON)}\n".encode())
