// All consumers. The broker sends all of them at once; a hundred are shown.

import { useState } from 'preact/hooks'
import { useLive } from '../api/live.js'
import { PAGE_SIZE } from '../api/paged.js'
import { Answer } from '../parts/answer.jsx'
import { PageHead } from '../parts/card.jsx'
import { consumerColumns, consumerKey } from '../parts/consumer-columns.jsx'
import { Filter } from '../parts/filter.jsx'
import { Pager } from '../parts/pager.jsx'
import { Table } from '../parts/table.jsx'
import { useScoped } from '../scope.js'

export function Consumers() {
  const live = useLive(useScoped('consumers'))
  return (
    <>
      <PageHead title="Consumers" />
      <section class="card flush" aria-label="Consumers">
        <Answer of={live}>{(consumers) => <List consumers={consumers} />}</Answer>
      </section>
    </>
  )
}

function List({ consumers }) {
  const [name, setName] = useState('')
  const [asked, setPage] = useState(1)
  const found = consumers.filter(({ consumer_tag: tag, queue }) => tag.includes(name) || queue?.name.includes(name))
  const pages = Math.max(1, Math.ceil(found.length / PAGE_SIZE))
  const page = Math.min(asked, pages)
  return (
    <>
      <div class="bar">
        <Filter label="Filter by tag or queue" value={name} onChange={(change) => setName(change.name)} />
        <Pager
          page={page} pages={pages} filtered={found.length} total={consumers.length} noun="consumer" onPage={setPage}
        />
      </div>
      <Table
        label="Consumers" columns={consumerColumns()} rows={found.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE)}
        rowKey={consumerKey} empty={name === '' ? 'No consumers.' : 'No consumer matches.'}
      />
    </>
  )
}
