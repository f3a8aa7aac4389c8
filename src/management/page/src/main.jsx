// Starts the page.

import { render } from 'preact'
import { App } from './app.jsx'
import { startTheme } from './theme.js'
import './style/colours.css'
import './style/base.css'
import './style/frame.css'
import './style/parts.css'
import './style/charts.css'
import './style/notices.css'
import './style/tables.css'
import './style/forms.css'

startTheme()
render(<App />, document.getElementById('page'))
