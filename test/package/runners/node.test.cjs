const { test } = require('node:test')

for (const [name, check] of Object.entries(require('./checks.cjs'))) test(name, check)
