// Names that would do harm if a page took them for anything but text. Each would set `pwned` or open a dialog.

const CALL = 'window.pwned=1'

/** What begins a text that stands in an attribute, a comment, a script or a style, and ends that first. */
const BREAKERS = [
  '"', "'", '">', "'>", '-->', '--!>', ']]>', '*/', '</p>', '</div>', '</a>', '</option></select>', '</svg>', '</math>',
  '</noscript>', '</template>', '</iframe>', '</xmp>', '</plaintext>', '\u00a0', '\\"', '&quot;>', '&#39;>', '%22%3E',
]

/** What a browser calls by itself, or as soon as somebody touches the page. */
const EVENTS = `abort afterprint animationend animationstart auxclick beforeinput beforeprint beforetoggle begin blur cancel
  canplay change click close contextmenu copy cuechange cut dblclick drag dragend dragenter drop durationchange end ended
  error focus focusin focusout formdata fullscreenchange gotpointercapture hashchange input invalid keydown keypress keyup
  load loadeddata loadstart message mousedown mouseenter mouseleave mousemove mouseout mouseover mouseup offline online
  pagehide pageshow paste play playing pointerdown pointerenter pointermove pointerover pointerrawupdate popstate progress
  ratechange repeat reset resize scroll scrollend search seeked select selectionchange selectstart slotchange stalled
  storage submit suspend timeupdate toggle touchstart transitionend transitionrun unhandledrejection unload volumechange
  waiting wheel`.split(/\s+/)

/** Ways to write an address that runs something. */
const SCHEMES = [
  'javascript:', ' javascript:', '\u00a0javascript:', 'javascript&colon;', 'javascript&#58;', 'javascript&#x3a;', 'java&Tab;script:',
  'java&NewLine;script:', '&#106;avascript:', '&#x6A;avascript:', 'javascript://%0a', 'data:text/html;base64,PHNjcmlwdD4', 'blob:',
  'feed:javascript:', 'view-source:javascript:', 'livescript:', 'mocha:',
]

/** Elements that load something, and say so when they cannot. */
const LOADERS = ['image', 'input type=image', 'script', 'link rel=stylesheet', 'track', 'frame', 'applet', 'bgsound', 'layer', 'embed']

/** At most 120 bytes each, so that they fit into any name, with something before them. */
export const HOSTILE = [
  `<script>${CALL}</script>`,
  `</script><script>${CALL}</script>`,
  `<img src=x onerror="${CALL}">`,
  `<img src=x onerror=${CALL}//`,
  `<svg onload=${CALL}>`,
  `<svg><script>${CALL}</script></svg>`,
  `<svg><animate onbegin=${CALL} attributeName=x dur=1s>`,
  `<body onload=${CALL}>`,
  `<iframe src="javascript:parent.pwned=1">`,
  `<iframe srcdoc="<script>parent.pwned=1</script>">`,
  `<details open ontoggle=${CALL}>`,
  `<video><source onerror="${CALL}">`,
  `<audio src=x onerror=${CALL}>`,
  `<input autofocus onfocus=${CALL}>`,
  `<select autofocus onfocus=${CALL}>`,
  `<textarea autofocus onfocus=${CALL}>`,
  `<marquee onstart=${CALL}>`,
  `<object data="javascript:${CALL}">`,
  `<embed src="javascript:${CALL}">`,
  `<a href="javascript:${CALL}">click</a>`,
  `<form action="javascript:${CALL}"><input type=submit>`,
  `<button formaction="javascript:${CALL}">x</button>`,
  `<math><mi xlink:href="javascript:${CALL}">x</mi></math>`,
  `<link rel=stylesheet href="javascript:${CALL}">`,
  `<style>@import 'javascript:${CALL}';</style>`,
  `<meta http-equiv=refresh content="0;url=javascript:${CALL}">`,
  `<base href="javascript:${CALL}//">`,
  `<template><script>${CALL}</script></template>`,
  `<noscript><p title="</noscript><img src=x onerror=${CALL}>">`,
  `<!--><img src=x onerror=${CALL}>-->`,
  `<![CDATA[><img src=x onerror=${CALL}>]]>`,
  `"><script>${CALL}</script>`,
  `'><script>${CALL}</script>`,
  `" onmouseover="${CALL}" x="`,
  `' onfocus='${CALL}' autofocus='`,
  `javascript:${CALL}`,
  `JaVaScRiPt:${CALL}`,
  `java\tscript:${CALL}`,
  `data:text/html,<script>${CALL}</script>`,
  `vbscript:${CALL}`,
  '&lt;script&gt;window.pwned=1&lt;/script&gt;',
  '&#60;img src=x onerror=window.pwned=1&#62;',
  '\\u003cscript\\u003ewindow.pwned=1\\u003c/script\\u003e',
  '%3Cscript%3Ewindow.pwned%3D1%3C%2Fscript%3E',
  '${window.pwned=1}',
  '{{constructor.constructor("window.pwned=1")()}}',
  '`;window.pwned=1;`',
  '");window.pwned=1;//',
  "');window.pwned=1;//",
  '</title><script>window.pwned=1</script>',
  '</textarea><img src=x onerror=window.pwned=1>',
  '</style><script>window.pwned=1</script>',
  '__proto__',
  'constructor',
  '../../api/definitions',
  '#/admin/users?name=x',
  '\u202e<gnp.exe>\u202c',
  '\u2028window.pwned=1\u2029',
  'a'.repeat(120),
  '😈<b onclick=window.pwned=1>𝕏</b>',
  ...EVENTS.map((event) => `<x on${event}=${CALL} tabindex=0 contenteditable>`),
  ...LOADERS.map((element) => `<${element} src=//x.invalid href=//x.invalid onerror=${CALL} onload=${CALL}>`),
  ...BREAKERS.map((breaker) => `${breaker}<img src=x onerror=${CALL}>`),
  ...SCHEMES.map((scheme) => `<a href="${scheme}${CALL}" autofocus>x</a>`),
]
