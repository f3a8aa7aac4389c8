// What the tags of a user open on this page. The broker decides; this only leaves out what it would refuse.

export function isAdministrator({ tags }) {
  return tags.includes('administrator')
}

export function isPolicymaker({ tags }) {
  return tags.includes('policymaker') || isAdministrator({ tags })
}

export function isMonitoring({ tags }) {
  return tags.includes('monitoring') || isAdministrator({ tags })
}
