// An address that leads nowhere.

import { PageHead } from '../parts/card.jsx'

export function Nowhere() {
  return (
    <>
      <PageHead title="Nothing here" />
      <p>This address leads to no page that you may see. <a href="#/">To the overview</a></p>
    </>
  )
}
