/** Uses keyv over a map of the service `shop`: prints what is there, and leaves a value of its own. Its input is the directory. */
import Keyv from 'keyv'
import { KeyvSharedMap } from '../../../lib/keyv/index.js'
import { openShared } from '../../../lib/shared/index.js'

const { directory, options } = JSON.parse(process.argv[2])
const map = openShared('shop', { directory }).map('cache', options)
const keyv = new Keyv({ store: new KeyvSharedMap(map), namespace: 'pages' })
console.log(await keyv.get('/'))
await keyv.set('/cart', { items: 2 })
