// A table that can be sorted, in a frame that scrolls sideways where it is too narrow.
//
// A column is `{ key, label, title, number, minor, sort, cell }`: `cell` gives what a row shows, `sort` the name that is
// sorted by, `minor` columns are left out on a phone.

export function Table({ label, columns, rows, rowKey, sort, onSort, empty = 'Nothing here.', isOld }) {
  return (
    <div class={`table ${isOld ? 'old' : ''}`} role="group" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.key} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map((column) => (
                <td key={column.key} class={classOf(column)}>{column.cell(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p class="empty">{empty}</p>}
    </div>
  )
}

function Head({ column, sort, onSort }) {
  const { label, title, hidden } = column
  const isSorted = sort?.by === column.sort && column.sort !== undefined
  const order = isSorted ? (sort.reverse ? 'descending' : 'ascending') : undefined
  const text = hidden ? <span class="hidden">{label}</span> : label
  return (
    <th scope="col" class={classOf(column)} aria-sort={order} title={title}>
      {onSort && column.sort ? (
        <button type="button" class="sort" onClick={() => onSort(nextSort(column, sort, isSorted))}>
          {text}
          {isSorted && <span class="arrow" aria-hidden="true">{sort.reverse ? '↓' : '↑'}</span>}
        </button>
      ) : (
        text
      )}
    </th>
  )
}

/** Numbers are wanted largest first. */
function nextSort(column, sort, isSorted) {
  return { by: column.sort, reverse: isSorted ? !sort.reverse : Boolean(column.number) }
}

function classOf({ number, hidden, minor, grow }) {
  return [(number || hidden) && 'number', minor && 'minor', grow && 'grow'].filter(Boolean).join(' ')
}
