// A name from outside: as text, kept apart from what stands around it whatever its script and length.

export function Name({ of: name, empty = '(none)' }) {
  return name === '' ? <span class="muted">{empty}</span> : <bdi class="name">{name}</bdi>
}

/** The name of an exchange; the default one has none. */
export function ExchangeName({ of: name }) {
  return <Name of={name} empty="(default)" />
}
