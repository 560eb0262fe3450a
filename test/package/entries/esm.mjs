import * as rseq from 'rseq'
import { smoke } from './smoke.mjs'

await smoke(rseq, new URL(import.meta.url))
