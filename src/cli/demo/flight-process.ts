/**
 * A process that records what it does in the trace of a service, until it is killed.
 *
 * @module
 */
import { FLIGHT, fly } from './flight.js'
import { endWithParent, joinPlace, openConfirmed, tellParent } from './place.js'

const [, , directory = ''] = process.argv
endWithParent(directory)
const shop = joinPlace(directory)
const trace = FLIGHT.open(shop)
const confirmed = openConfirmed(shop)
tellParent('ready')
await fly(trace, confirmed)
