export { type DemoReport, runDemo } from './demo/report.js';
