// For runners that define `it` and `test` as globals: Jest and Mocha.
for (const [name, check] of Object.entries(require('./checks.cjs'))) it(name, check)
