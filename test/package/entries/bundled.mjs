// To be bundled, by a name that the bundler resolves: it says where the program is, whatever its format.
import { pathToFileURL } from 'node:url'
import * as rseq from 'PACKAGE'
import { smoke } from './smoke.mjs'

smoke(rseq, pathToFileURL(process.argv[1]))
