// A page of a long list, with the field to filter it and the steps to the other pages.

import { Answer } from './answer.jsx'
import { Filter } from './filter.jsx'
import { Pager } from './pager.jsx'
import { Table } from './table.jsx'

export function PagedTable({ list, noun, label, columns, rowKey, empty }) {
  const { live, rows, sort, setSort, filter, setFilter, pager } = list
  const isFiltered = filter.name !== ''
  return (
    <section class="card flush" aria-label={label}>
      <div class="bar">
        <Filter label={`Filter ${noun}s`} value={filter.name} regex={filter.regex} onChange={setFilter} />
        <Pager {...pager} noun={noun} />
      </div>
      <Answer of={live}>
        {() => (
          <Table
            label={label} columns={columns} rows={rows} rowKey={rowKey} sort={sort} onSort={setSort} isOld={live.isOld}
            empty={isFiltered ? `No ${noun} matches.` : empty}
          />
        )}
      </Answer>
    </section>
  )
}
