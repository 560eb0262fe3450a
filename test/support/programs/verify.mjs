// Prints what the self-test of the package says.
import { verify } from '../../../lib/index.js'

console.log(JSON.stringify(verify()))
