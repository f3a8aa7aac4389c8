// Numbers, sizes and times as people read them.

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const TENTHS = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })
const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const DATE_TIME = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })
const TIME = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })

/** What stands where nothing is known. */
export const NOTHING = '–'

export function number(value) {
  return Number.isFinite(value) ? WHOLE.format(value) : NOTHING
}

export function shortNumber(value) {
  return Number.isFinite(value) ? SHORT.format(value) : NOTHING
}

export function rate(value) {
  if (!Number.isFinite(value)) return NOTHING
  const text = value !== 0 && value < 100 ? TENTHS.format(value) : WHOLE.format(value)
  return `${text}/s`
}

export function bytes(value) {
  if (!Number.isFinite(value)) return NOTHING
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? WHOLE.format(value) : TENTHS.format(value)} ${units[unit]}`
}

export function duration(ms) {
  if (!Number.isFinite(ms)) return NOTHING
  const seconds = Math.floor(ms / 1000)
  const [days, hours, minutes] = [86_400, 3_600, 60].map((unit) => Math.floor(seconds / unit))
  if (days > 0) return `${days} d ${hours % 24} h`
  if (hours > 0) return `${hours} h ${minutes % 60} min`
  if (minutes > 0) return `${minutes} min ${seconds % 60} s`
  return `${seconds} s`
}

/** A time that may be short: `7 ms`, `1.5 s`, then as `duration`. */
export function delay(ms) {
  if (!Number.isFinite(ms)) return NOTHING
  if (ms < 1000) return `${WHOLE.format(ms)} ms`
  return ms < 60_000 ? `${TENTHS.format(ms / 1000)} s` : duration(ms)
}

export function dateTime(ms) {
  return Number.isFinite(ms) ? DATE_TIME.format(new Date(ms)) : NOTHING
}

export function time(ms) {
  return Number.isFinite(ms) ? TIME.format(new Date(ms)) : NOTHING
}

/** `plural(1, 'queue')` is `1 queue`, of two it is `2 queues`. */
export function plural(count, noun) {
  return `${number(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** The value of a field table as text. */
export function fieldValue(value) {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** A rate of `message_stats`, which has no field for what never happened. */
export function statRate(stats, name) {
  return stats?.[`${name}_details`]?.rate ?? 0
}
