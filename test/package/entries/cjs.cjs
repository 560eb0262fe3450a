const rseq = require('rseq')

import('./smoke.mjs').then(({ smoke }) => smoke(rseq, __filename))
