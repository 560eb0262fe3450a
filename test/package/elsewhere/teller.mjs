// A Worker that tells what it runs on.
import { parentPort } from 'node:worker_threads'
import { info } from '../../../lib/index.js'

parentPort.postMessage(info())
