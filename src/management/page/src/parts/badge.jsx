// A word in a frame: a state, or a feature of a queue. The colour repeats what the word says.

const TONES = {
  running: 'good',
  idle: 'good',
  flow: 'warn',
  blocking: 'warn',
  blocked: 'bad',
  down: 'bad',
  crashed: 'bad',
  stopped: 'bad',
}

export function Badge({ children, title, tone = '' }) {
  return (
    <span class={`badge ${tone}`} title={title}>
      {children}
    </span>
  )
}

export function State({ of: state = 'running' }) {
  return (
    <span class={`state ${TONES[state] ?? 'neutral'}`}>
      <span class="dot" aria-hidden="true" />
      {state}
    </span>
  )
}

/** What was asked for at its declaration, in two or three letters each. */
export function Features({ of: thing }) {
  const args = thing.arguments ?? {}
  const features = [
    [thing.durable, 'D', 'durable'],
    [thing.auto_delete, 'AD', 'deleted with its last user'],
    [thing.exclusive, 'EX', 'exclusive to one connection'],
    [thing.internal, 'I', 'internal: clients cannot publish to it'],
    ['x-message-ttl' in args, 'TTL', `messages expire: ${args['x-message-ttl']} ms`],
    ['x-expires' in args, 'Exp', `unused it is deleted: ${args['x-expires']} ms`],
    ['x-max-length' in args, 'Lim', `at most ${args['x-max-length']} messages`],
    ['x-max-length-bytes' in args, 'LimB', `at most ${args['x-max-length-bytes']} bytes`],
    ['x-max-priority' in args, 'Pri', `priorities up to ${args['x-max-priority']}`],
    ['x-dead-letter-exchange' in args, 'DLX', `dead letters go to ${args['x-dead-letter-exchange']}`],
    ['x-single-active-consumer' in args, 'SAC', 'one consumer is active at a time'],
    ['alternate-exchange' in args, 'AE', `what is not routed goes to ${args['alternate-exchange']}`],
    [thing.policy, 'Pol', `policy ${thing.policy}`],
  ]
  return (
    <span class="badges">
      {features.filter(([has]) => has).map(([, short, long]) => (
        <abbr key={short} class="badge" title={long}>{short}</abbr>
      ))}
    </span>
  )
}
