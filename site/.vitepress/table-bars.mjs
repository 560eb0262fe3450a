// Draws what a table measures as bars behind the names of its rows: the column `median` or, in tables by the number of workers, `8`.

const COLUMNS = ['median', '8']

/** How far a bar of this value goes, in percent, on a logarithmic scale: costs differ by factors of a million. */
function share(value, values) {
  const [least, most] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))]
  return Math.round(4 + (96 * (Math.log(value) - least)) / (most - least || 1))
}

/** A markdown-it plugin. */
export function drawTables(md) {
  md.core.ruler.push('draw-tables', ({ tokens, Token }) => {
    for (let at = 0; at < tokens.length; at++) {
      if (tokens[at].type !== 'table_open') continue
      const end = tokens.findIndex(({ type }, i) => i > at && type === 'table_close')
      const rows = []
      for (let i = at; i < end; i++) {
        if (tokens[i].type === 'tr_open') rows.push([])
        if (tokens[i].type === 'th_open' || tokens[i].type === 'td_open')
          rows.at(-1).push({ open: tokens[i], text: tokens[i + 1].content })
      }
      const column = rows[0].findIndex(({ text }) => COLUMNS.includes(text))
      if (column < 0) continue
      const values = rows.slice(1).map((row) => Number(row[column].text))
      if (!values.every((value) => value > 0)) continue
      rows.slice(1).forEach(([{ open }], i) => {
        open.attrJoin('class', 'measured')
        open.attrSet('style', `--share:${share(values[i], values)}%`)
      })
      const note = new Token('html_block', '', 0)
      note.content = `<p class="scale">Bars: the column “${rows[0][column].text}”, on a logarithmic scale.</p>\n`
      tokens.splice(end + 1, 0, note)
    }
  })
}
