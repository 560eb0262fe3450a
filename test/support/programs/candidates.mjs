// Prints the names of the files that the package would try here.
import { search } from '../../../lib/native/binary.js'

console.log(JSON.stringify(search().candidates.map(({ name }) => name)))
