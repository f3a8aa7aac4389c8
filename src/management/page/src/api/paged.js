// A list of which the broker sends one page: filtered, sorted and cut by it, as the address says.

import { useEffect, useMemo } from 'preact/hooks'
import { setQuery, useRoute } from '../route.js'
import { cut } from './cut.js'
import { useLive } from './live.js'
import { withQuery } from './paths.js'

export const PAGE_SIZE = 100

/**
 * Gives what a list page needs: `{ live, rows, sort, setSort, filter, setFilter, pager }`.
 *
 * `columns` are the fields that are shown; the broker sends no others. `sort` is what is sorted by at first.
 */
export function usePaged(kind, { columns, sort: first }) {
  const wish = useWish(first)
  const { page, sort, filter } = wish
  const live = useLive(
    withQuery(kind, {
      page,
      page_size: PAGE_SIZE,
      pagination: true,
      name: filter.name,
      use_regex: filter.regex,
      sort: sort.by,
      sort_reverse: sort.reverse,
      columns: columns.join(','),
    }),
  )
  // Some lists RabbitMQ always sends as a whole.
  const data = useMemo(() => (Array.isArray(live.data) ? cut(live.data, wish, PAGE_SIZE) : live.data), [live.data])
  const pages = data?.page_count ?? 1

  useEffect(() => {
    // The list became shorter than where one was.
    if (page > 1 && (live.error?.status === 400 || (data && !live.isOld && page > pages))) setQuery({ page: null })
  }, [page, pages, live.error, live.isOld])

  return {
    live,
    rows: data?.items ?? [],
    sort,
    setSort: ({ by, reverse }) => setQuery({ sort: by, reverse: reverse || null, page: null }),
    filter,
    setFilter: (change) => setQuery({ ...filter, ...change, regex: (change.regex ?? filter.regex) || null, page: null }),
    pager: {
      page,
      pages,
      filtered: data?.filtered_count ?? 0,
      total: data?.total_count ?? 0,
      onPage: (next) => setQuery({ page: next === 1 ? null : next }),
    },
  }
}

/** What the address says. */
function useWish(first) {
  const { query } = useRoute()
  return {
    page: Math.max(1, Number.parseInt(query.get('page'), 10) || 1),
    sort: { by: query.get('sort') ?? first, reverse: query.get('reverse') === 'true' },
    filter: { name: query.get('name') ?? '', regex: query.get('regex') === 'true' },
  }
}
