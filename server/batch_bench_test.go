package server

import (
	"context"
	"fmt"
	"os"
	"testing"

	"google.golang.org/grpc"

	"github.com/nextbest/nextbest/loadtest/users"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// BenchmarkBatch is one recipient of a batch beside one call, both through everything behind the edge, with a real
// Redis; its cpu-µs/op is of this process, which is server and client. The ratio of the two is what a batch saves.
func BenchmarkBatch(b *testing.B) {
	for _, loop := range []string{"sendtimes", "offers"} {
		b.Run(loop+"/batch", func(b *testing.B) {
			r := serve(b, testConfig(), batchLoopDeps(b, loop))
			client := nextbestv1.NewBatchServiceClient(r.conn)
			if loop == "offers" {
				streamed(b, client.RankBatch, func(from, to int) *nextbestv1.RankBatchRequest {
					m := &nextbestv1.RankBatchRequest{ServedOnly: true}
					for i := from; i < to; i++ {
						m.Items = append(m.Items, &nextbestv1.RankItem{Row: uint64(i), Request: offerRequest(i)})
					}
					return m
				}, func(m *nextbestv1.RankBatchResponse) (int, bool) {
					return len(m.GetAnswers()), m.GetAnswers()[0].GetError() == nil
				})
				return
			}
			streamed(b, client.SendTimeBatch, func(from, to int) *nextbestv1.SendTimeBatchRequest {
				m := &nextbestv1.SendTimeBatchRequest{}
				for i := from; i < to; i++ {
					m.Items = append(m.Items, &nextbestv1.SendTimeItem{Row: uint64(i), Request: sendTimeRequest(i)})
				}
				return m
			}, func(m *nextbestv1.SendTimeBatchResponse) (int, bool) {
				return len(m.GetAnswers()), m.GetAnswers()[0].GetError() == nil
			})
		})
		b.Run(loop+"/single", func(b *testing.B) {
			r := serve(b, testConfig(), batchLoopDeps(b, loop))
			clients := connections(b, r.srv.GRPCAddr().String())
			measure(b, func(i int) (err error) {
				if client := clients[i%len(clients)]; loop == "offers" {
					_, err = client.Rank(b.Context(), offerRequest(i))
				} else {
					_, err = client.SendTime(b.Context(), sendTimeRequest(i))
				}
				return err
			})
		})
	}
}

func batchLoopDeps(tb testing.TB, loop string) Deps {
	file, err := os.ReadFile("../loadtest/batch/loops/" + loop + ".yaml")
	if err != nil {
		tb.Fatal(err)
	}
	return realDeps(tb, loop, string(file), redisStore(tb))
}

func offerRequest(i int) *nextbestv1.RankRequest {
	return &nextbestv1.RankRequest{Loop: "offers", EventId: fmt.Sprintf("bench:%d", i), UserId: users.ID(i % endToEndUsers)}
}

func sendTimeRequest(i int) *nextbestv1.SendTimeRequest {
	return &nextbestv1.SendTimeRequest{Loop: "sendtimes", EventId: fmt.Sprintf("bench:%d", i), UserId: users.ID(i % endToEndUsers), Campaign: "bench"}
}

// streamed has b.N items decided over one stream.
func streamed[Q, A any](b *testing.B, open func(context.Context, ...grpc.CallOption) (grpc.BidiStreamingClient[Q, A], error),
	ask func(from, to int) *Q, answered func(*A) (n int, ok bool),
) {
	stream, err := open(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := processCPU(b)
	go func() {
		for i := 0; i < b.N; i += 500 {
			if stream.Send(ask(i, min(i+500, b.N))) != nil {
				return // Recv says why.
			}
		}
		_ = stream.CloseSend()
	}()
	for done := 0; done < b.N; {
		m, err := stream.Recv()
		if err != nil {
			b.Fatal(err)
		}
		n, ok := answered(m)
		if !ok {
			b.Fatalf("refused: %v", m)
		}
		done += n
	}
	b.StopTimer()
	b.ReportMetric(float64((processCPU(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}
