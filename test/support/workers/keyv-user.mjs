/** Uses keyv over a map that another thread made: reads what is there, and leaves a value of its own. */
import Keyv from 'keyv'
import { parentPort, workerData } from 'node:worker_threads'
import { SharedMap } from '../../../lib/index.js'
import { KeyvSharedMap } from '../../../lib/keyv/index.js'

const keyv = new Keyv({ store: new KeyvSharedMap(SharedMap.from(workerData.buffer)), namespace: 'pages' })
parentPort.postMessage(await keyv.get('/'))
await keyv.set('/cart', { items: 2 })
await keyv.disconnect()
