// Rank then reward over gRPC: k6 run -e ADDR=127.0.0.1:9090 loadtest/grpc.js
import grpc from 'k6/net/grpc';
import { check } from 'k6';
import { actions, complain, context, eventId, isRewarded, loop, options as common, rewardValue, summary, userId } from './scenario.js';

export const options = common('grpc');

const client = new grpc.Client();
client.load(['../proto', '../proto/third_party'], 'nextbest/v1/decision.proto');
let connected = false;

export default function () {
  if (!connected) {
    client.connect(__ENV.ADDR || '127.0.0.1:9090', { plaintext: true, timeout: '5s' });
    connected = true;
  }
  const event_id = eventId();
  const ctx = context();
  const rank = client.invoke(
    'nextbest.v1.DecisionService/Rank',
    { loop, event_id, user_id: userId(), context: ctx, actions },
    { tags: { call: 'rank' }, timeout: '2s' },
  );
  const ranked = check(rank, { 'rank answered': (r) => r.status === grpc.StatusOK && r.message.ranking.length > 0 });
  if (!ranked) return complain('rank', JSON.stringify(rank.error));
  if (!isRewarded()) return;

  const value = rewardValue(rank.message.rewardActionId, ctx);
  const reward = client.invoke(
    'nextbest.v1.DecisionService/Reward',
    { loop, event_id, reward_id: 'click', value },
    { tags: { call: 'reward' }, timeout: '2s' },
  );
  const accepted = check(reward, { 'reward accepted': (r) => r.status === grpc.StatusOK });
  if (!accepted) complain('reward', JSON.stringify(reward.error));
}

export const handleSummary = (data) => summary(data, 'grpc_req_duration');
