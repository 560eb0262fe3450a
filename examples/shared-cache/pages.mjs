// The pages of the example: which there are, and how one is rendered.

/** The name of the service in shared memory begins with this; the number of the process follows. */
export const SERVICE_PREFIX = 'example-cache-'
export const PAGES = 3000
/** The options of the map: there is room for a part of the pages. */
export const CACHE = { entries: 1000, bytes: 16 << 20 }
const RENDERING_MS = 2

/** Returns the text of a page, after as much work as rendering a template takes. */
export function render(page) {
  for (const end = performance.now() + RENDERING_MS; performance.now() < end;);
  return pageText(page)
}

export function pageText(page) {
  return `<h1>Page ${page}</h1>${`<p>${page}</p>`.repeat(500)}`
}

/** A page that somebody asks for: some are asked for much more often than others. */
export function somePage() {
  return Math.floor(PAGES * Math.random() ** 3)
}
