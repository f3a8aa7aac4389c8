// Which part of a long list is shown.

import { plural } from '../format.js'

export function Pager({ page, pages, filtered, total, noun, onPage }) {
  const count = filtered === total ? plural(total, noun) : `${filtered.toLocaleString('en')} of ${plural(total, noun)}`
  return (
    <nav class="pager" aria-label={`Pages of the ${noun}s`}>
      <span class="muted" role="status">{count}</span>
      {pages > 1 && (
        <span class="steps">
          <button type="button" disabled={page <= 1} onClick={() => onPage(1)}>First</button>
          <button type="button" disabled={page <= 1} onClick={() => onPage(page - 1)}>Previous</button>
          <span>Page {page} of {pages}</span>
          <button type="button" disabled={page >= pages} onClick={() => onPage(page + 1)}>Next</button>
          <button type="button" disabled={page >= pages} onClick={() => onPage(pages)}>Last</button>
        </span>
      )}
    </nav>
  )
}
