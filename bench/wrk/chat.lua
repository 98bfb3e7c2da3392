-- Sends the bytes of the file BENCH_REQUEST again and again; prints one JSON object at the end.
local file = assert(io.open(os.getenv("BENCH_REQUEST"), "rb"))
local wire = file:read("*a")
file:close()

function request()
   return wire
end

function done(summary, latency)
   local e = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"faults":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      e.connect + e.read + e.write + e.status + e.timeout))
end
