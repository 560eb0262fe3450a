// Imports what `urls` names, one after the other, and prints what the package says of this process.
const { urls } = JSON.parse(process.argv[2])

for (const url of urls) await import(url)
const { info } = await import(new URL('index.js', urls[0].replace('/metrics/', '/')).href)
console.log(JSON.stringify(info()))
