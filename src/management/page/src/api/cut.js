// Filters, sorts and cuts a whole list as the broker does with the lists that it sends in pages.

/** Gives the fields of a paged answer that are used: `{ items, page_count, filtered_count, total_count }`. */
export function cut(list, { page, sort, filter }, size) {
  const found = list.filter(matcher(filter))
  const sorted = found.toSorted((one, other) => compare(valueOf(one, sort.by), valueOf(other, sort.by)))
  if (sort.reverse) sorted.reverse()
  return {
    items: sorted.slice((page - 1) * size, page * size),
    page_count: Math.max(1, Math.ceil(found.length / size)),
    filtered_count: found.length,
    total_count: list.length,
  }
}

function matcher({ name: text, regex }) {
  if (!regex) return ({ name }) => name.toLowerCase().includes(text.toLowerCase())
  try {
    const expression = new RegExp(text, 'i')
    return ({ name }) => expression.test(name)
  } catch {
    // Half an expression, while it is being typed.
    return () => false
  }
}

/** `valueOf(row, 'message_stats.ack_details.rate')` */
function valueOf(row, path) {
  return path.split('.').reduce((value, field) => value?.[field], row)
}

function compare(one, other) {
  if (typeof one === 'number' && typeof other === 'number') return one - other
  return String(one ?? '').localeCompare(String(other ?? ''))
}
