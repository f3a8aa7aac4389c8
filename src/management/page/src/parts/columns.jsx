// Columns that several tables have.

import { number, rate, statRate } from '../format.js'
import { Name } from './name.jsx'

export function numberColumn(key, label, more = {}) {
  return { key, label, number: true, sort: key, cell: (row) => number(row[key]), ...more }
}

/** The rate of one counter of `message_stats`. */
export function rateColumn(stat, label, more = {}) {
  return {
    key: stat,
    label,
    number: true,
    sort: `message_stats.${stat}_details.rate`,
    cell: (row) => <Rate of={statRate(row.message_stats, stat)} />,
    ...more,
  }
}

/** Nothing moving is the usual case, and steps back. */
export function Rate({ of: value }) {
  return <span class={value > 0 ? '' : 'muted'}>{rate(value)}</span>
}

/** Only while things of all vhosts are listed. */
export function vhostColumn(vhost) {
  return vhost === null ? [{ key: 'vhost', label: 'Virtual host', minor: true, sort: 'vhost', cell: (row) => <Name of={row.vhost} /> }] : []
}
