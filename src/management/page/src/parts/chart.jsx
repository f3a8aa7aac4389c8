// Numbers over the last minutes, drawn by uPlot. The legend has the newest ones as text, for those who do not see it.

import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useHistory } from '../api/history.js'
import { shortNumber } from '../format.js'
import { theme } from '../theme.js'
import { useStore } from '../store.js'

const HEIGHT = 190
/** At first the line grows from the left; then it moves. */
const SPAN_SECS = 120

/** `series` is a list of `[label, value]`; they come in the same order each time. */
export function Chart({ name, label, at, series, format }) {
  const data = useHistory(name, at, series.map(([, value]) => value))
  return (
    <figure class="chart">
      <figcaption class="hidden">{label}</figcaption>
      <ul class="legend">
        {series.map(([text, value], index) => (
          <li key={text}>
            <span class={`swatch series-${index + 1}`} aria-hidden="true" />
            {text} <strong>{format(value)}</strong>
          </li>
        ))}
      </ul>
      <Plot key={name} data={data} labels={series.map(([text]) => text)} format={format} />
    </figure>
  )
}

function Plot({ data, labels, format }) {
  const box = useRef(null)
  const plot = useRef(null)
  const look = useStore(theme)

  useEffect(() => {
    const element = box.current
    const options = optionsFor(element, labels, format)
    const uplot = (plot.current = new uPlot({ ...options, width: element.clientWidth || 300 }, data, element))
    const resized = new ResizeObserver(() => uplot.setSize({ width: element.clientWidth, height: HEIGHT }))
    resized.observe(element)
    return () => {
      resized.disconnect()
      uplot.destroy()
    }
  }, [look])

  useEffect(() => plot.current?.setData(data), [data])

  return <div class="plot" ref={box} aria-hidden="true" />
}

function optionsFor(element, labels, format) {
  const colour = (name) => colourOf(element, name)
  const axis = {
    stroke: colour('muted'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
    font: `11px ${getComputedStyle(element).fontFamily}`,
  }
  return {
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: {
      x: { time: true, range: spanOf },
      y: { range: (_, from, to) => [0, Math.max(1, (to ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, space: 90, size: 26, values: (_, times) => times.map(clock) },
      { ...axis, size: 54, values: (_, values) => values.map(axisNumber) },
    ],
    series: [
      {},
      ...labels.map((label, index) => ({
        label,
        stroke: colour(`series-${index + 1}`),
        fill: index === 0 ? faint(colour('series-1')) : undefined,
        width: 1.75,
        points: { show: false },
        value: (_, value) => format(value),
      })),
    ],
  }
}

/** As long as what was seen, but no shorter than `SPAN_SECS`. */
function spanOf({ data: [times] }) {
  const to = times.at(-1) ?? Date.now() / 1000
  return [Math.min(times[0] ?? to, to - SPAN_SECS), to]
}

function faint(colour) {
  return colour.replace('rgb(', 'rgba(').replace(')', ', 0.1)')
}

function axisNumber(value) {
  return value >= 1000 ? shortNumber(value) : String(Number(value.toFixed(2)))
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })

function clock(seconds) {
  return CLOCK.format(new Date(seconds * 1000))
}

/** What a canvas needs: a custom property resolved to a colour, for the theme that is shown. */
function colourOf(element, name) {
  const probe = document.createElement('span')
  probe.className = `probe ${name}`
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
