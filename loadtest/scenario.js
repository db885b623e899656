// What both protocols have in common: who comes, with what, how often, and what the run is judged by.
// Settings come from the environment: RATE iterations a second, DURATION, USERS, REWARD_SHARE, SUMMARY (a file).

const users = Number(__ENV.USERS || 10000);
const rewardShare = Number(__ENV.REWARD_SHARE || 1);
const thresholds = JSON.parse(open('./thresholds.json'));

export const loop = 'loadtest';

// Candidates as a page sends them: their ids.
export const actions = Array.from({ length: 50 }, (_, i) => ({ id: `offer-${String(i).padStart(2, '0')}` }));

// A constant arrival rate: iterations start when they are due, however slow the answers are. One that finds no free
// virtual user is dropped, and counts against the thresholds.
export function options(protocol) {
  const rate = Number(__ENV.RATE || 300);
  return {
    scenarios: {
      rank_then_reward: {
        executor: 'constant-arrival-rate',
        rate,
        timeUnit: '1s',
        duration: __ENV.DURATION || '20s',
        preAllocatedVUs: Number(__ENV.VUS || 100),
        gracefulStop: '5s',
      },
    },
    thresholds: thresholds[protocol],
    summaryTrendStats: ['avg', 'p(50)', 'p(95)', 'p(99)', 'max'],
  };
}

const oneOf = (...values) => values[Math.floor(Math.random() * values.length)];
const skewed = (high) => Math.floor(high * Math.random() ** 2);

// A few users come often, most seldom; one in twenty is not known.
export function userId() {
  if (Math.random() < 0.05) return `visitor-${skewed(1e9)}`;
  return `u-${String(skewed(users)).padStart(6, '0')}`;
}

// Twenty features of the request, as loops/loadtest.yaml declares them.
export function context() {
  return {
    device: oneOf('mobile', 'mobile', 'mobile', 'desktop', 'desktop', 'tablet'),
    browser: oneOf('chrome', 'safari', 'firefox', 'edge'),
    page: oneOf('home', 'category', 'product', 'cart', 'search'),
    referrer: oneOf('direct', 'search', 'email', 'social', 'partner'),
    region: oneOf('north', 'south', 'east', 'west'),
    weather: oneOf('sun', 'rain', 'snow', 'cloud'),
    returning: Math.random() < 0.6,
    logged_in: Math.random() < 0.4,
    hour: Math.floor(Math.random() * 24),
    weekday: Math.floor(Math.random() * 7),
    temperature: Math.round(Math.random() * 400 - 100) / 10,
    session_pages: 1 + skewed(40),
    session_seconds: skewed(3600),
    scroll_depth: Math.round(Math.random() * 100) / 100,
    searches: skewed(6),
    cart_items: skewed(8),
    cart_value: skewed(40000) / 100,
    price_low: skewed(5000) / 100,
    price_high: 50 + skewed(50000) / 100,
    seconds_since_mail: skewed(604800),
  };
}

let count = 0;
const run = Math.random().toString(36).slice(2, 10);

// Unique within a run and between runs.
export const eventId = () => `${run}-${__VU}-${count++}`;

export const isRewarded = () => Math.random() < rewardShare;

// What the visitor did: an offer is clicked more often on the device that it is for.
export function rewardValue(actionId, ctx) {
  const liked = { mobile: 0, desktop: 1, tablet: 2 }[ctx.device];
  const p = Number(actionId.slice(-2)) % 3 === liked ? 0.12 : 0.04;
  return Math.random() < p ? 1 : 0;
}

let complained = false;

// Says what went wrong, once for each virtual user: loadtest/run shows it when calls failed.
export function complain(call, what) {
  if (!complained) console.warn(`${call}: ${what}`);
  complained = true;
}

// The figures that loadtest/run reads, beside k6's own verdict on the thresholds.
export function summary(data, duration) {
  const value = (metric, name) => (data.metrics[metric] ? data.metrics[metric].values[name] : 0);
  const call = (name) => {
    const metric = data.metrics[`${duration}{call:${name}}`];
    return metric ? { p50: metric.values['p(50)'], p95: metric.values['p(95)'], p99: metric.values['p(99)'] } : null;
  };
  const failed = [];
  for (const [name, metric] of Object.entries(data.metrics)) {
    for (const [threshold, result] of Object.entries(metric.thresholds || {})) {
      if (!result.ok) failed.push(`${name}: ${threshold}`);
    }
  }
  const figures = {
    seconds: data.state.testRunDurationMs / 1000,
    iterations: value('iterations', 'count'),
    dropped: value('dropped_iterations', 'count'),
    calls: value('checks', 'passes') + value('checks', 'fails'),
    failed_calls: value('checks', 'fails'),
    rank_ms: call('rank'),
    reward_ms: call('reward'),
    failed_thresholds: failed,
  };
  const text = JSON.stringify(figures, null, 2) + '\n';
  return __ENV.SUMMARY ? { [__ENV.SUMMARY]: text } : { stdout: text };
}
