// Rank then reward over REST: k6 run -e ADDR=127.0.0.1:8080 loadtest/rest.js
import http from 'k6/http';
import { check } from 'k6';
import { actions, complain, context, eventId, isRewarded, loop, options as common, rewardValue, summary, userId } from './scenario.js';

export const options = common('rest');

const base = `http://${__ENV.ADDR || '127.0.0.1:8080'}/v1/loops/${loop}`;
// The deadline is that of the calls over gRPC, which send theirs by themselves: without it the service takes its own
// default of a second, and a machine that stalls for longer fails calls over REST alone.
const headers = { 'Content-Type': 'application/json', 'Grpc-Timeout': '2S' };
const params = (call) => ({ headers, tags: { call, name: call }, timeout: '2s' });
const answered = (r) => r.status === 200;
const said = (r) => r.error || `${r.status} ${r.body}`;

export default function () {
  const event = eventId();
  const ctx = context();
  const body = JSON.stringify({ eventId: event, userId: userId(), context: ctx, actions });
  const rank = http.post(`${base}/rank`, body, params('rank'));
  if (!check(rank, { 'rank answered': answered })) return complain('rank', said(rank));
  if (!isRewarded()) return;

  const value = rewardValue(rank.json('rewardActionId'), ctx);
  const reward = http.post(
    `${base}/events/${event}/reward`,
    JSON.stringify({ rewardId: 'click', value }),
    params('reward'),
  );
  if (!check(reward, { 'reward accepted': answered })) complain('reward', said(reward));
}

export const handleSummary = (data) => summary(data, 'http_req_duration');
