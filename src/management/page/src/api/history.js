// What was seen while the page is open, for the charts: each series of numbers under a name, with a bound.

import { useMemo } from 'preact/hooks'

/** Ten minutes of answers every two seconds. */
const SAMPLES_MAX = 300
/** The histories kept; the one that was not shown for longest goes. */
const HISTORIES_MAX = 50

const histories = new Map()

/**
 * Adds `values` (a list of numbers) seen `at` to the history `name`, and gives all of it as uPlot wants it:
 * `[times in seconds, first series, second series, …]`.
 */
export function useHistory(name, at, values) {
  return useMemo(() => {
    const history = touch(name, values.length)
    if (at > 0 && history[0].at(-1) !== at / 1000) {
      history[0].push(at / 1000)
      values.forEach((value, index) => history[index + 1].push(value))
      if (history[0].length > SAMPLES_MAX) history.forEach((series) => series.shift())
    }
    // uPlot looks whether it is given something new.
    return [...history]
  }, [name, at])
}

function touch(name, length) {
  const history = histories.get(name) ?? Array.from({ length: length + 1 }, () => [])
  histories.delete(name)
  histories.set(name, history)
  if (histories.size > HISTORIES_MAX) histories.delete(histories.keys().next().value)
  return history
}

/** Somebody else logs in. */
export function forgetHistories() {
  histories.clear()
}
