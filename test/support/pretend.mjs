// Loaded before a program, by --import: changes `process.versions` as PRETEND_VERSIONS says, in JSON.
// So another Node, or another runtime, is pretended to everything that is loaded after.
for (const [name, value] of Object.entries(JSON.parse(process.env.PRETEND_VERSIONS))) {
  Object.defineProperty(process.versions, name, { value, enumerable: true, configurable: true })
}
