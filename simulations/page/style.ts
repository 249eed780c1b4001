/** Light by itself, dark where the reader's machine is, light again on paper. Colours of lines differ in brightness too. */
const DARK = `--ground:#12161c;--paper:#1a2028;--ink:#e8ecf1;--soft:#a3aebb;--rule:#333d49;--bad:#ff8a7a;--bad-ground:#3a1c1a;
--good:#7bd389;--t1:#6cb4f5;--t2:#f2a65a;--t3:#7bd389;--t4:#ff7b6b;--t5:#c3a5f0;--t6:#8b97a5`
const LIGHT = `--ground:#f5f6f4;--paper:#fff;--ink:#1c2430;--soft:#57626f;--rule:#d9dee3;--bad:#b3261e;--bad-ground:#fdeceb;
--good:#1e7b34;--t1:#1f67b0;--t2:#c2630b;--t3:#2b8a4b;--t4:#c5281c;--t5:#7748b8;--t6:#6d7884`

export const STYLE = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,"DejaVu Sans",sans-serif}
header,main,footer{max-width:1200px;margin:0 auto;padding:0 16px}
header{padding-top:28px}
footer{padding-bottom:40px;color:var(--soft);font-size:.875rem}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 4px}
h2{font-size:1.25rem;margin:40px 0 4px}
h3{font-size:1rem;margin:0 0 2px}
p{margin:4px 0 12px;max-width:72ch}
.lead{color:var(--soft)}
.badge{display:inline-block;border-radius:99px;padding:2px 12px;font-weight:600;font-size:.875rem;border:1.5px solid currentColor}
.good{color:var(--good)}.bad{color:var(--bad)}
.violations{background:var(--bad-ground);border:2px solid var(--bad);border-radius:10px;padding:12px 18px;margin:20px 0}
.violations h2{color:var(--bad);margin:0 0 6px}
.violations li{overflow-wrap:anywhere}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:12px;margin:20px 0 0;padding:0}
.facts div,figure,.card{background:var(--paper);border:1px solid var(--rule);border-radius:10px;padding:14px 16px}
.facts dt{color:var(--soft);font-size:.8125rem;line-height:1.3}
.facts dd{margin:0;font-size:1.375rem;font-weight:650;font-variant-numeric:tabular-nums}
.facts dd small{display:block;font-size:.75rem;font-weight:400;color:var(--soft)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:16px;margin:12px 0}
figure{margin:0;display:flex;flex-direction:column;min-width:0}
figcaption p{margin:0 0 6px;font-size:.875rem;color:var(--soft)}
figure>.sum{margin:8px 0 0;font-size:.875rem}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{fill:var(--soft);font-size:11.5px;font-family:inherit}
.grid path{stroke:var(--rule);stroke-width:1;fill:none}
.grid .axis,.grid .tick{stroke:var(--soft)}
.line{fill:none;stroke-width:2.2;stroke-linejoin:round}
.dashed{stroke-dasharray:6 4}
.mark{stroke:var(--t4);stroke-width:1.2;stroke-dasharray:2 3;opacity:.75;fill:none}
.line.tone-1,.key.tone-1{stroke:var(--t1)}.line.tone-2,.key.tone-2{stroke:var(--t2)}.line.tone-3,.key.tone-3{stroke:var(--t3)}
.line.tone-4,.key.tone-4{stroke:var(--t4)}.line.tone-5,.key.tone-5{stroke:var(--t5)}.line.tone-6,.key.tone-6{stroke:var(--t6)}
.bars .tone-1,.dot.tone-1,.key.tone-1{fill:var(--t1)}.bars .tone-2,.dot.tone-2,.key.tone-2{fill:var(--t2)}
.bars .tone-3,.dot.tone-3,.key.tone-3{fill:var(--t3)}.bars .tone-4,.dot.tone-4,.key.tone-4{fill:var(--t4)}
.bars .tone-5,.dot.tone-5,.key.tone-5{fill:var(--t5)}.bars .tone-6,.dot.tone-6,.key.tone-6{fill:var(--t6)}
.bars path:hover{opacity:.7}
.hover rect{fill:transparent}.hover path{stroke:var(--soft);opacity:0}.hover g:hover path{opacity:.7}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;list-style:none;margin:4px 0 0;padding:0;font-size:.8125rem}
.legend li{display:flex;align-items:center;gap:6px}
.legend svg{width:22px;height:12px;flex:none}
.links{fill:none;stroke:var(--t6);stroke-width:.7;opacity:.42}
.dot{stroke:var(--paper);stroke-width:1}.dot.off{fill:var(--paper);stroke:var(--t6);stroke-width:1.5}
.scroll{overflow:auto;max-height:430px;border:1px solid var(--rule);border-radius:10px;background:var(--paper)}
.scroll:focus-visible,input:focus-visible,select:focus-visible{outline:3px solid var(--t1);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.875rem}
th,td{text-align:left;padding:5px 12px;border-bottom:1px solid var(--rule);vertical-align:top}
td{overflow-wrap:anywhere}
.scroll.whole{max-height:none}
tbody th{font-weight:400}
thead th{position:sticky;top:0;background:var(--paper)}
.num,td.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr.deed td:nth-child(2){color:var(--t2);font-weight:600}tr.violation td{color:var(--bad);font-weight:600}
tr.run td:nth-child(2){color:var(--t1)}tr.node td:nth-child(2){color:var(--soft)}
tr[hidden]{display:none}
.filter{display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center;margin:8px 0;font-size:.875rem}
input,select{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--soft);border-radius:6px;padding:4px 8px}
pre{background:var(--paper);border:1px solid var(--rule);border-radius:10px;padding:12px 14px;
white-space:pre-wrap;overflow-wrap:anywhere;font:.875rem/1.5 ui-monospace,"DejaVu Sans Mono",monospace}
code{font:.875em ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
.settings{columns:3 260px;list-style:none;padding:14px 16px;margin:12px 0}
.settings li{break-inside:avoid;padding:2px 0;font-size:.875rem}
.settings .changed{font-weight:700}
@media (max-width:520px){h1{font-size:1.4rem}.facts{grid-template-columns:1fr 1fr}
th,td{padding:5px 8px}figure,.facts div{padding:12px}}
@media print{:root{${LIGHT};--ground:#fff}body{font-size:11pt}.scroll{max-height:none;overflow:visible}.filter{display:none}
h2,h3,section>p{break-after:avoid}
figure,.facts div,tr,.violations{break-inside:avoid}.figures{grid-template-columns:1fr 1fr}}
`
