export { type Clock, systemClock } from './clock.js';
export { Runner, type RunnerEvents, type RunnerOptions, type RunnerState, type Turn } from './runner.js';
