"""The one stylesheet of a report: light, from 320 px upwards, and for paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light; --text: #182030; --soft: #566076; --line: #dfe3ea; --bg: #f6f7f9;
  --card: #fff; --a: #2459a8; --b: #b4570b; --even: #8a94a1; --good: #10673f; --good-soft: #e2f5ea;
  --mixed: #8a4b00; --mixed-soft: #fff0d9; --bad: #a8201a; --bad-soft: #fde8e6; }
*, *::before, *::after { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--text); -webkit-text-size-adjust: 100%;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1.6rem clamp(.9rem, 3vw, 2rem) 4rem; }
h1, h2, h3 { line-height: 1.25; letter-spacing: -.01em; margin: 0; overflow-wrap: anywhere; }
h1 { font-size: 1.65rem; } h2 { font-size: 1.25rem; margin-bottom: .5rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { margin: .5rem 0; max-width: 46rem; } ul { margin: .5rem 0; padding-left: 1.2rem; }
li { margin: .25rem 0; max-width: 46rem; overflow-wrap: anywhere; }
a { color: var(--a); text-underline-offset: .15em; }
:focus-visible { outline: 3px solid var(--a); outline-offset: 2px; border-radius: 4px; }
.soft, figcaption { color: var(--soft); font-size: .9rem; }
.headline { margin: 1.2rem 0; padding: 1rem 1.2rem; border-radius: 12px; font-size: 1.2rem;
  line-height: 1.4; font-weight: 600; border-left: 6px solid; }
.headline p { margin: 0; max-width: 52rem; }
.good { background: var(--good-soft); border-color: var(--good); }
.mixed { background: var(--mixed-soft); border-color: var(--mixed); }
.bad { background: var(--bad-soft); border-color: var(--bad); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr)); gap: .8rem;
  margin: 0 0 1rem; padding: 0; }
.figures div { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: .8rem 1rem; }
.figures dt { color: var(--soft); font-size: .85rem; }
.figures dd { margin: 0; } .figures .big { font-size: 1.7rem; font-weight: 650; line-height: 1.25;
  letter-spacing: -.02em; } .figures .soft { font-size: .85rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem .4rem; padding: 0; }
nav a { display: inline-flex; align-items: center; min-height: 2.5rem; padding: 0 .8rem;
  background: var(--card); border: 1px solid var(--line); border-radius: 8px; font-size: .92rem;
  text-decoration: none; color: var(--text); }
nav a:hover { border-color: var(--a); color: var(--a); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 1.2rem clamp(.9rem, 2.5vw, 1.5rem); margin-top: 1rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
  gap: 1.2rem 2rem; margin: .8rem 0; }
.charts.small { grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); }
figure { margin: 0; max-width: 27rem; } figure > b { display: block; font-size: .95rem; }
figure svg { display: block; width: 100%; height: auto; margin: .2rem 0; }
svg text { font: 15px system-ui, sans-serif; fill: #3a4554; }
.grid { stroke: #e8ecf1; } .even { stroke: var(--even); fill: none; stroke-dasharray: 4 4;
  stroke-width: 1.5; }
.a { stroke: var(--a); fill: none; stroke-width: 2.4; }
.b { stroke: var(--b); fill: none; stroke-width: 2.4; stroke-dasharray: 7 3; }
.mark { stroke: var(--bad); fill: none; stroke-width: 1.6; stroke-dasharray: 2 3; }
.band { stroke: none; fill-opacity: .13; } .a.band { fill: var(--a); } .b.band { fill: var(--b); }
.dot { stroke: var(--a); fill: var(--a); stroke-width: 1; } .dot.bar { stroke-width: 1.6;
  stroke-opacity: .7; }
.key { display: flex; flex-wrap: wrap; gap: .1rem 1rem; font-size: .85rem; color: var(--soft);
  margin: .2rem 0; }
.key span { white-space: nowrap; } .key svg { width: 1.9rem; height: .7rem; display: inline-block;
  vertical-align: middle; margin-right: .35rem; }
.scroll { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; font-size: .9rem; width: 100%; font-variant-numeric:
  tabular-nums; }
th, td { text-align: left; padding: .4rem .7rem .4rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; } th { color: var(--soft); font-weight: 550; font-size: .84rem;
  vertical-align: bottom; }
tr:last-child td { border-bottom: 0; }
td.n, th.n { text-align: right; white-space: nowrap; } td.name { overflow-wrap: anywhere;
  min-width: 6.5rem; max-width: 17rem; } td.range { width: 22%; min-width: 6rem; }
.narrow td.range { width: 50%; }
td.name .interval { white-space: normal; }
tr.group th { color: var(--text); font-size: .95rem; font-weight: 650; padding-top: 1.1rem; }
.narrow { max-width: 38rem; } tr.ours td { font-weight: 600; background: #f1f5fb; }
.interval { color: var(--soft); display: block; font-weight: 400; font-size: .82rem;
  white-space: nowrap; }
.range svg { display: block; width: 100%; height: 1.1rem; }
.span { stroke: var(--a); stroke-width: 2; stroke-opacity: .55; } .value { fill: var(--a); }
.said { stroke: var(--b); stroke-width: 2.4; } .zero { stroke: var(--even); stroke-dasharray: 3 3; }
.share { fill: var(--a); fill-opacity: .7; }
.off { color: var(--bad); font-weight: 600; } .fine { color: var(--good); }
.tag { display: inline-block; padding: 0 .5rem; border-radius: 6px; font-size: .82rem;
  font-weight: 600; background: var(--bad-soft); color: var(--bad); }
details { margin: .3rem 0; } .fold { display: grid; gap: 0 1.5rem; margin: .6rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); }
.fold > details { margin: 0; min-width: 0; } .fold > details[open] { grid-column: 1 / -1; }
summary { cursor: pointer; padding: .45rem 0; color: var(--a);
  font-weight: 550; font-size: .94rem; } details[open] > summary { margin-bottom: .2rem; }
@media (max-width: 30rem) {
  body { font-size: 15px; } h1 { font-size: 1.35rem; } .headline { font-size: 1.05rem; }
  .figures { grid-template-columns: 1fr 1fr; gap: .5rem; } .figures div { padding: .6rem .7rem; }
  .figures .big { font-size: 1.3rem; } th, td { padding-right: .5rem; }
  .stack thead { position: absolute; clip-path: inset(50%); }
  .stack table, .stack tbody { display: block; }
  .stack tr { display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; padding: .5rem 0;
    border-bottom: 1px solid var(--line); }
  .stack tr:last-child { border-bottom: 0; } .stack tr.group { display: block; padding: .8rem 0 0; }
  .stack tr.ours { padding-left: .5rem; background: #f1f5fb; }
  .stack td, .stack tr.group th { border: 0; padding: 0; }
  .stack td:empty { display: none; }
  .stack td.n { text-align: left; }
  .stack td:first-child, .stack td.words, .stack td.range { flex: 0 0 100%; max-width: none; }
  .stack td:first-child { font-weight: 600; } .stack td.range { width: auto; }
  .stack td.wide { display: none; }
  .stack td[data-title]:not(:first-child)::before { content: attr(data-title); display: block;
    color: var(--soft); font-size: .78rem; font-weight: 400; }
}
@media print {
  body { background: #fff; font-size: 11pt; } main { max-width: none; padding: 0; }
  nav { display: none; } section { border: 0; padding: .6rem 0; break-inside: auto; }
  figure, tr, .figures div, .headline { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .scroll { overflow: visible; } table { font-size: .74rem; } .interval { font-size: .66rem; }
  th, th.n { font-size: .68rem; white-space: normal; } summary { color: inherit; }
}
"""
