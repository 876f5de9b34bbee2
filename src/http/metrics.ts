/** Counters of one isolate, in the text format of Prometheus (exposition format 0.0.4). No I/O. */
import type { Observation } from './observation.ts';

/** Upper bounds of the histogram, in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export interface Metrics {
  readonly count: (observation: Observation) => void;
  readonly text: () => string;
}

export function createMetrics(): Metrics {
  const requests = new Map<string, number>();
  const cache = new Map<string, number>();
  const durations: number[] = BUCKETS.map(() => 0);
  const sums = { requests: 0, seconds: 0 };
  const read = new Map<string, number>();
  const admitted = new Map<string, number>();
  return {
    count({ route, method, status, cache: tier, tokens, multiply_adds, model, duration_ms }) {
      const ofModel = `model="${model}"`;
      add(requests, `${ofModel},method="${method}",route="${route}",status="${status}"`);
      if (tier) add(cache, `${ofModel},tier="${tier}"`);
      add(read, ofModel, tokens);
      add(admitted, ofModel, multiply_adds);
      const seconds = duration_ms / 1000;
      for (const [i, bound] of BUCKETS.entries()) if (seconds <= bound) durations[i] = (durations[i] ?? 0) + 1;
      sums.requests++;
      sums.seconds += seconds;
    },
    text: () =>
      [
        ...family('requests_total', 'Requests of this isolate.', requests),
        ...family('answers_total', 'Answers by the slowest cache tier that they needed.', cache),
        ...family('tokens_total', 'Tokens that the model read.', read),
        ...family('multiply_adds_total', 'Multiply-adds that were admitted.', admitted),
        ...head('request_duration_seconds', 'histogram', 'Time without computing, since clocks stand still meanwhile.'),
        ...BUCKETS.map((bound, i) => `${PREFIX}request_duration_seconds_bucket{le="${bound}"} ${durations[i]}`),
        `${PREFIX}request_duration_seconds_bucket{le="+Inf"} ${sums.requests}`,
        `${PREFIX}request_duration_seconds_sum ${sums.seconds}`,
        `${PREFIX}request_duration_seconds_count ${sums.requests}`,
        '',
      ].join('\n'),
  };
}

const add = (to: Map<string, number>, labels: string, value = 1) => to.set(labels, (to.get(labels) ?? 0) + value);

const PREFIX = 'edge_fill_mask_';

const head = (name: string, type: string, help: string) => [
  `# HELP ${PREFIX}${name} ${help}`,
  `# TYPE ${PREFIX}${name} ${type}`,
];

const family = (name: string, help: string, values: ReadonlyMap<string, number>) => [
  ...head(name, 'counter', help),
  ...Array.from(values, ([labels, value]) => `${PREFIX}${name}{${labels}} ${value}`),
];
