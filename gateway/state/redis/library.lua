#!lua name=sealgate
-- Counters as gateway/state/counters.py has them, in Redis 7 or newer and in Valkey.
--
-- What a function changes it changes at once or not at all: Redis runs nothing beside it. A newer
-- revision stays callable by older gateways; what cannot, gets another function name.
--
--   LOG    ZSET    '<first>:<amount>' scored with its time, 'S' scored with -(sum) - 1
--   GCRA   STRING  '<level>:<stamp>:<tick>:<window>:<capacity>', see Bucket in counters.py
--   TOTAL  STRING  '<began>:<used>'
--   SLOTS  ZSET    '<worker>.<take>.<index>:<amount>' scored with its end, 'S' as above
--   peer   ZSET    of one worker: '<at>,<at>..' scored with the number of a take whose answer it
--                  has not confirmed, 's' scored with -(number) - 1 of its last correction
--   set    HASH    field -> '<second>|<sealed value>'
--   scores HASH    of one owner: name -> '<moved at>|<thousandths>|<results>'
--   sets   ZSET    the names of one tag's sets, scored with their ends in milliseconds
--
-- The expiry of a key only frees memory; every decision is made from the times in the values.
local REVISION = 3
local CELLS_EXACT = 1000
local EXACT_MAX = 4503599627370496
local MARGIN_MS = 10000
local PEER_MS = 600000
local FIELDS = 6

-- Lua writes large numbers as 1.7e+15; Redis would keep that text.
local function text(number)
  return string.format('%.0f', number)
end

-- The last argument is there in tests only: they set the clock.
local function clock(argument)
  if argument then return tonumber(argument) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- fmod is exact for doubles, `%` and `/` are not.
local function floor_div(a, b)
  return (a - math.fmod(a, b)) / b
end

local function ceil_div(a, b)
  local rest = math.fmod(a, b)
  if rest == 0 then return a / b end
  return (a - rest) / b + 1
end

local function keep(key, us)
  redis.call('PEXPIRE', key, math.ceil(us / 1000) + MARGIN_MS)
end

-- ---------------------------------------------------------------------------------------- ZSETs

local function amount_of(member)
  return tonumber(string.match(member, ':(%d+)$'))
end

local function load_sum(key)
  local score = redis.call('ZSCORE', key, 'S')
  return score and -tonumber(score) - 1 or 0
end

local function save_sum(key, sum)
  redis.call('ZADD', key, -sum - 1, 'S')
end

-- Frees what is scored up to `edge`; the sum that is left.
local function free(key, edge)
  local sum = load_sum(key)
  local old = redis.call('ZRANGEBYSCORE', key, 0, edge)
  if #old > 0 then
    for _, member in ipairs(old) do sum = sum - amount_of(member) end
    redis.call('ZREMRANGEBYSCORE', key, 0, edge)
    save_sum(key, sum)
  end
  return sum
end

local function last_of(key)
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  if not last[1] or last[1] == 'S' then return nil end
  return last[1], tonumber(last[2])
end

-- How long until `missing` has been freed, where `shift` makes a score the time left.
local function wait_in(key, d, missing, shift)
  if missing <= 0 then return 0 end
  if d.amount > d.capacity then return d.window end
  local offset = 0
  while true do
    local cells = redis.call('ZRANGEBYSCORE', key, 0, '+inf', 'WITHSCORES', 'LIMIT', offset, 64)
    for i = 1, #cells, 2 do
      missing = missing - amount_of(cells[i])
      if missing <= 0 then return tonumber(cells[i + 1]) + shift end
    end
    if #cells < 128 then return d.window end
    offset = offset + 64
  end
end

local function fits_sum(state, d)
  return state.used + d.amount <= d.capacity
end

local function standing_of_cells(state, d, now, wait, shift)
  local _, score = last_of(d.key)
  local retry = wait and wait_in(d.key, d, d.amount - (d.capacity - state.used), shift) or 0
  return state.used, score and score + shift or 0, retry
end

-- ------------------------------------------------------------------------------------------ LOG

local log = {fits = fits_sum}

function log.load(d, now)
  return {used = free(d.key, now - d.window)}
end

function log.add(state, d, now, amount)
  if amount == 0 then return -1 end
  local key, at, first = d.key, now, now
  local member, score = last_of(key)
  -- Times are unique within a key, also where the server's clock was set back.
  if score and score >= at then at, first = score + 1, score + 1 end
  state.used = state.used + amount
  local cell = amount
  if member and redis.call('ZCARD', key) > CELLS_EXACT then
    local begun = tonumber(string.match(member, '^(%d+)'))
    if (at - begun) * CELLS_EXACT < d.window then
      redis.call('ZREM', key, member)
      first, cell = begun, amount + amount_of(member)
    end
  end
  redis.call('ZADD', key, -state.used - 1, 'S', at, text(first) .. ':' .. text(cell))
  keep(key, d.window)
  return at
end

function log.settle(state, d, now, amount, at)
  local change = amount - d.amount
  if at >= 0 then
    local found = redis.call('ZRANGEBYSCORE', d.key, at, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    local first = found[1] and tonumber(string.match(found[1], '^(%d+)'))
    if first and first <= at then
      local cell = amount_of(found[1]) + change
      redis.call('ZREM', d.key, found[1])
      if cell > 0 then redis.call('ZADD', d.key, found[2], text(first) .. ':' .. text(cell)) end
      state.used = state.used + change
      save_sum(d.key, state.used)
      return
    end
  end
  if change > 0 then log.add(state, d, now, change) end
end

function log.standing(state, d, now, wait)
  return standing_of_cells(state, d, now, wait, d.window - now)
end

-- ---------------------------------------------------------------------------------------- SLOTS

local slots = {fits = fits_sum}

function slots.load(d, now)
  return {used = free(d.key, now)}
end

function slots.add(state, d, now, amount)
  if amount == 0 then return -1 end
  state.used = state.used + amount
  local ends = now + d.window
  redis.call('ZADD', d.key, -state.used - 1, 'S', ends, d.slot .. ':' .. text(amount))
  keep(d.key, d.window)
  return 0
end

function slots.settle(state, d, now, amount)
  local member = d.slot .. ':' .. text(d.amount)
  local score = redis.call('ZSCORE', d.key, member)
  if not score then return end
  redis.call('ZREM', d.key, member)
  if amount > 0 then redis.call('ZADD', d.key, score, d.slot .. ':' .. text(amount)) end
  save_sum(d.key, state.used + amount - d.amount)
end

function slots.renew(state, d, now)
  local added = redis.call('ZADD', d.key, now + d.window, d.slot .. ':' .. text(d.amount))
  if added == 1 then save_sum(d.key, state.used + d.amount) end
  keep(d.key, d.window)
end

function slots.standing(state, d, now, wait)
  return standing_of_cells(state, d, now, wait, -now)
end

-- ---------------------------------------------------------------------------------------- TOTAL

local total = {fits = fits_sum}

function total.load(d, now)
  local value = redis.call('GET', d.key)
  if value then
    local began, used = string.match(value, '^(%d+):(%d+)$')
    began = tonumber(began)
    if began + d.window > now then return {began = began, used = tonumber(used)} end
  end
  return {began = now, used = 0}
end

local function save_total(state, d, now)
  local left = math.max(0, state.began + d.window - now)
  local value = text(state.began) .. ':' .. text(state.used)
  redis.call('SET', d.key, value, 'PX', math.ceil(left / 1000) + MARGIN_MS)
end

function total.add(state, d, now, amount)
  state.used = state.used + amount
  save_total(state, d, now)
  return state.began
end

function total.settle(state, d, now, amount, at)
  if state.began == at then
    state.used = math.max(0, state.used + amount - d.amount)
    save_total(state, d, now)
  end
end

function total.standing(state, d, now, wait)
  local reset = state.used > 0 and state.began + d.window - now or 0
  local retry = 0
  if wait and state.used + d.amount > d.capacity then
    retry = d.amount <= d.capacity and reset or d.window
  end
  return state.used, reset, retry
end

-- ----------------------------------------------------------------------------------------- GCRA

local bucket = {}

local function ticks_of(d)
  local largest = math.max(d.capacity, d.burst) * d.window
  local tick = 1
  if largest > EXACT_MAX then tick = largest <= EXACT_MAX * 1000 and 1000 or 1000000 end
  return tick, ceil_div(d.window, tick)
end

-- Drains at the rate that was in force at the last take; then turns to the window that is now.
function bucket.load(d, now)
  local tick, window = ticks_of(d)
  local state = {level = 0, stamp = floor_div(now, tick), tick = tick, window = window}
  local value = redis.call('GET', d.key)
  if not value then return state end
  local kept = {}
  for number in string.gmatch(value, '%d+') do kept[#kept + 1] = tonumber(number) end
  local level, stamp, old_tick, old_window, capacity = unpack(kept)
  local elapsed = floor_div(now, old_tick) - stamp
  if elapsed > 0 then
    stamp = stamp + elapsed
    if capacity > 0 then
      level = math.max(0, level - elapsed * capacity)
    elseif elapsed >= old_window then
      level = 0
    end
  end
  if old_tick ~= tick or old_window ~= window then
    level, stamp = ceil_div(level * window, old_window), ceil_div(stamp * old_tick, tick)
  end
  state.level, state.stamp = level, stamp
  return state
end

local function burst_of(d)
  return d.burst > 0 and d.burst or d.capacity
end

local function drains_in(state, d, now, level)
  local ticks = d.capacity > 0 and ceil_div(level, d.capacity) or state.window
  return (state.stamp + ticks) * state.tick - now
end

local function save_bucket(state, d, now)
  local value = {state.level, state.stamp, state.tick, state.window, d.capacity}
  for index, number in ipairs(value) do value[index] = text(number) end
  local expiry = math.ceil(math.max(0, drains_in(state, d, now, state.level)) / 1000) + MARGIN_MS
  redis.call('SET', d.key, table.concat(value, ':'), 'PX', expiry)
end

function bucket.fits(state, d)
  return state.level + d.amount * state.window <= burst_of(d) * state.window
end

function bucket.add(state, d, now, amount)
  if state.level == 0 then state.stamp = ceil_div(now, state.tick) end
  state.level = state.level + amount * state.window
  save_bucket(state, d, now)
  return 0
end

function bucket.settle(state, d, now, amount)
  local change = amount - d.amount
  if change > 0 then
    bucket.add(state, d, now, change)
  elseif change < 0 then
    state.level = math.max(0, state.level + change * state.window)
    save_bucket(state, d, now)
  end
end

function bucket.standing(state, d, now, wait)
  local burst = burst_of(d)
  local reset = state.level > 0 and drains_in(state, d, now, state.level) or 0
  local missing = d.amount * state.window - (burst * state.window - state.level)
  local retry = 0
  if wait and missing > 0 then
    retry = d.amount > burst and d.window or drains_in(state, d, now, missing)
  end
  return ceil_div(state.level, state.window), reset, retry
end

-- ------------------------------------------------------------------------------------ functions

local kinds = {[0] = log, [1] = bucket, [2] = total, [3] = slots}

-- Reads demand `index` of FIELDS arguments each, which begin after `before` others.
local function demand(keys, args, index, before, take)
  local base = before + (index - 1) * FIELDS
  return {
    kind = kinds[tonumber(args[base + 1])],
    key = keys[index],
    slot = take .. '.' .. index,
    amount = tonumber(args[base + 2]),
    capacity = tonumber(args[base + 3]),
    window = tonumber(args[base + 4]),
    burst = tonumber(args[base + 5]),
    extra = args[base + 6],
  }
end

local function demands_of(keys, args, before, count, take)
  local demands = {}
  for index = 1, count do demands[index] = demand(keys, args, index, before, take) end
  return demands
end

local function answer_standing(answer, state, d, now, wait, at)
  local used, reset, retry = d.kind.standing(state, d, now, wait)
  local n = #answer
  answer[n + 1], answer[n + 2], answer[n + 3], answer[n + 4] = used, reset, retry, at
end

-- keys: one per demand, then the peer of the worker
-- args: worker, number of the take, number up to which answers have arrived,
--       per demand: algorithm, amount, capacity, window, burst, 1 where it only reports
-- answer: refused_by (-1: admitted), per demand: used, reset, retry, at
local function take(keys, args)
  local count = #keys - 1
  local peer, number = keys[count + 1], args[2]
  local now = clock(args[3 + count * FIELDS + 1])
  local demands = demands_of(keys, args, 3, count, args[1] .. '.' .. number)
  local states, refused = {}, -1
  for index, d in ipairs(demands) do
    states[index] = d.kind.load(d, now)
    if refused < 0 and d.extra ~= '1' and not d.kind.fits(states[index], d) then
      refused = index - 1
    end
  end
  local answer, taken = {refused}, {}
  for index, d in ipairs(demands) do
    local at = -1
    if refused < 0 then
      at = d.kind.add(states[index], d, now, d.amount)
      taken[index] = text(at)
    end
    answer_standing(answer, states[index], d, now, refused >= 0 and d.extra ~= '1', at)
  end
  redis.call('ZREMRANGEBYSCORE', peer, 0, args[3])
  if refused < 0 then
    redis.call('ZADD', peer, number, number .. ':' .. table.concat(taken, ','))
    redis.call('PEXPIRE', peer, PEER_MS)
  end
  return answer
end

-- Where the worker never saw the answer, it gives no times, and they are in its peer key.
local function times_taken(peer, number, given)
  if given ~= '' then return given end
  local found = redis.call('ZRANGEBYSCORE', peer, number, number)
  if not found[1] then return nil end
  redis.call('ZREM', peer, found[1])
  return string.match(found[1], ':(.*)$')
end

-- keys: as for the take
-- args: worker, number of the take, number of the correction, times from the answer or '',
--       per demand: algorithm, amount, capacity, window, burst, true amount
-- answer: 1, or 0 where there was nothing to correct or it was corrected before
local function settle(keys, args)
  local count = #keys - 1
  local peer, correction = keys[count + 1], tonumber(args[3])
  local last = redis.call('ZSCORE', peer, 's')
  if last and -tonumber(last) - 1 >= correction then return 0 end
  redis.call('ZADD', peer, -correction - 1, 's')
  redis.call('PEXPIRE', peer, PEER_MS)
  local times = times_taken(peer, args[2], args[4])
  if not times then return 0 end
  local now = clock(args[4 + count * FIELDS + 1])
  local index = 0
  for at in string.gmatch(times, '[^,]+') do
    index = index + 1
    local d = demand(keys, args, index, 4, args[1] .. '.' .. args[2])
    d.kind.settle(d.kind.load(d, now), d, now, tonumber(d.extra), tonumber(at))
  end
  return 1
end

-- keys: those of the slots; args: worker, number of the take, per demand as for the take, but the
-- last field is the index of the demand in it
local function renew(keys, args)
  local now = clock(args[2 + #keys * FIELDS + 1])
  for index = 1, #keys do
    local d = demand(keys, args, index, 2, '')
    d.slot = args[1] .. '.' .. args[2] .. '.' .. d.extra
    slots.renew(slots.load(d, now), d, now)
  end
  return 1
end

-- keys: one per demand; args: per demand as for the take; answer: per demand used, reset, retry, -1
local function read(keys, args)
  local now = clock(args[#keys * FIELDS + 1])
  local answer = {}
  for _, d in ipairs(demands_of(keys, args, 0, #keys, '')) do
    answer_standing(answer, d.kind.load(d, now), d, now, d.extra ~= '1', -1)
  end
  return answer
end

-- Shares for outages, in millionths, so that the sum of what workers believe to hold never exceeds
-- the whole: a share is recorded before it is told, and a smaller one only once it was heard of.
-- A registry that is younger than the grace period (a server that lost its memory) gives nothing
-- new, because it does not know yet what others hold.
--
-- keys: the registry; args: worker, the share it holds, how long a share is valid, grace period
-- answer: its share from now on, number of workers
local function heartbeat(keys, args)
  local registry, worker, holding = keys[1], args[1], tonumber(args[2])
  local valid, grace = tonumber(args[3]), tonumber(args[4])
  local now = clock(args[5])
  local entries = redis.call('HGETALL', registry)
  local born, others, committed = now, 0, 0
  for i = 1, #entries, 2 do
    local seen, share = string.match(entries[i + 1], '^(%d+):(%d+)$')
    if entries[i] == 'born' then
      born = tonumber(seen)
    elseif entries[i] ~= worker then
      if tonumber(seen) + valid < now then
        redis.call('HDEL', registry, entries[i])
      else
        others = others + 1
        committed = committed + tonumber(share)
      end
    end
  end
  local share = math.min(floor_div(1000000, others + 1), math.max(0, 1000000 - committed))
  if now - born < grace then share = math.min(share, holding) end
  local record = text(now) .. ':' .. text(math.max(share, holding))
  redis.call('HSET', registry, worker, record, 'born', text(born) .. ':0')
  redis.call('PEXPIRE', registry, math.ceil(valid / 1000) * 2 + MARGIN_MS)
  return {share, others + 1}
end

-- A worker that ends and never used its share gives it back.
local function leave(keys, args)
  return redis.call('HDEL', keys[1], args[1])
end

-- ------------------------------------------------------------------------------------- values

-- Of more than `most` fields, those go that were written longest ago.
local function trim(set, most)
  local excess = redis.call('HLEN', set) - most
  if excess <= 0 then return end
  local flat = redis.call('HGETALL', set)
  local fields = {}
  for i = 1, #flat, 2 do
    fields[#fields + 1] = {flat[i], tonumber(string.match(flat[i + 1], '^(%d+)|')) or 0}
  end
  table.sort(fields, function(a, b) return a[2] < b[2] end)
  for i = 1, excess do redis.call('HDEL', set, fields[i][1]) end
end

-- KEYS set, sets; ARGV name, ttl in ms, most fields, whether to read, then field, value, ...
local function keep_values(keys, args)
  local set, sets, name = keys[1], keys[2], args[1]
  local ttl, most = tonumber(args[2]), tonumber(args[3])
  for i = 5, #args, 2 do redis.call('HSET', set, args[i], args[i + 1]) end
  if redis.call('EXISTS', set) == 0 then return {} end
  trim(set, most)
  local now = floor_div(clock(nil), 1000)
  redis.call('PEXPIRE', set, ttl)
  redis.call('ZREMRANGEBYSCORE', sets, '-inf', text(now))
  redis.call('ZADD', sets, text(now + ttl), name)
  redis.call('PEXPIRE', sets, math.max(ttl, redis.call('PTTL', sets)))
  if args[4] == '1' then return redis.call('HGETALL', set) end
  return {}
end

-- ------------------------------------------------------------------------------------- scores

local MILLI = 1000
local HALVINGS_MAX = 10

local function load_score(key, name)
  local kept = redis.call('HGET', key, name)
  if not kept then return -1, 0, 0 end
  local at, milli, count = string.match(kept, '^(%d+)|(%d+)|(%d+)$')
  return tonumber(milli), tonumber(count), tonumber(at)
end

-- As `Rolling` in gateway_plugins/trust_score/rolling.py moves it; a test holds that both agree.
local function moved(milli, result, exchanges, halvings)
  local weight = math.max(1, floor_div(MILLI, exchanges))
  if halvings > 0 then weight = math.max(weight, MILLI - floor_div(MILLI, 2 ^ halvings)) end
  local step = (result - milli) * weight
  -- Towards zero: fmod has the sign of the dividend.
  return milli + (step - math.fmod(step, MILLI)) / MILLI
end

-- KEYS scores; ARGV name, result, exchanges, half-life in us, floor, most scores
-- answer: the score in thousandths, how many results it was made of
local function score(keys, args)
  local key, name, result = keys[1], args[1], tonumber(args[2])
  local half_life, floor = tonumber(args[4]), tonumber(args[5])
  local now = clock(args[7])
  local milli, count, at = load_score(key, name)
  if milli < 0 then
    milli = result
  else
    local idle = math.max(0, now - at)
    local halvings = math.min(floor_div(idle, half_life), HALVINGS_MAX)
    milli = moved(milli, result, tonumber(args[3]), halvings)
  end
  milli, count = math.max(milli, floor), count + 1
  redis.call('HSET', key, name, text(now) .. '|' .. text(milli) .. '|' .. text(count))
  trim(key, tonumber(args[6]))
  redis.call('PEXPIRE', key, ceil_div(half_life * HALVINGS_MAX, 1000) + MARGIN_MS)
  return {milli, count}
end

-- KEYS scores; ARGV name; answer: as above, -1 where nothing is known
local function read_score(keys, args)
  local milli, count = load_score(keys[1], args[1])
  return {milli, count}
end

redis.register_function('sealgate_score', score)
redis.register_function('sealgate_read_score', read_score)
redis.register_function('sealgate_keep', keep_values)
redis.register_function('sealgate_take', take)
redis.register_function('sealgate_settle', settle)
redis.register_function('sealgate_renew', renew)
redis.register_function('sealgate_read', read)
redis.register_function('sealgate_heartbeat', heartbeat)
redis.register_function('sealgate_leave', leave)
redis.register_function{
  function_name = 'sealgate_revision',
  callback = function() return REVISION end,
  flags = {'no-writes'},
}
