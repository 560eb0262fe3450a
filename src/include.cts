/** `rseq/include`: the directory for the include path of an addon that uses `native/rseq` and `native/percpu`. */
import path = require('node:path')

const directory: string = path.join(__dirname, '..', 'native')

export = directory
