-- Sends the requests of the file BENCH_REQUESTS in turn, each BENCH_REQUEST_BYTES long; prints one
-- JSON object at the end.
local size = tonumber(os.getenv("BENCH_REQUEST_BYTES"))
local file = assert(io.open(os.getenv("BENCH_REQUESTS"), "rb"))
local wires = {}
repeat
   local wire = file:read(size)
   wires[#wires + 1] = wire
until wire == nil
file:close()
local turn = 0

function request()
   turn = turn % #wires + 1
   return wires[turn]
end

function done(summary, latency)
   local e = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"faults":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      e.connect + e.read + e.write + e.status + e.timeout))
end
