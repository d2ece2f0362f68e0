package store
import ("testing";"context")
func TestSmoke(t *testing.T){
 s,err:=OpenSQLite(context.Background(), t.TempDir(), Options{}); if err!=nil {t.Fatal(err)}
 mustCommit(t,s,batch("sw1",7,1,100,noon))
 mustCommit(t,s,batch("sw1",7,50,100,noon))
 if n:=len(stored(t,s)); n!=149 {t.Error(n)}
 t.Log(cursorOf(t,s,"sw1",7,1))
 verified(t,s)
 if err:=s.Backup(context.Background(), t.TempDir()+"/x"); err!=nil {t.Error(err)}
 n:=0
 s.Summaries(context.Background(), SummaryFilter{}, func(*Summary) error {n++;return nil})
 t.Log(n, s.Stats())
 if err:=s.Close(); err!=nil {t.Error(err)}
}
func BenchmarkCommit(b *testing.B){
 s,err:=OpenSQLite(context.Background(), b.TempDir(), Options{}); if err!=nil {b.Fatal(err)}
 defer s.Close()
 const per=4000
 x:=batch("sw1",7,1,per,noon)
 seq:=uint64(1)
 n:=0
 for b.Loop() {
  x.First=seq; seq+=per
  for _,r:=range x.Records { r.Call.CountedUnixMs+=40000; r.Call.ClosedUnixMs+=40000 }
  mustCommit(b,s,x); n+=per
 }
 b.ReportMetric(float64(n)/b.Elapsed().Seconds(),"calls/s")
}
