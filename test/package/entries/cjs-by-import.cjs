// For Nodes in which require() takes no ES modules.
Promise.all([import('rseq'), import('./smoke.mjs')]).then(([rseq, { smoke }]) => smoke(rseq, __filename))
