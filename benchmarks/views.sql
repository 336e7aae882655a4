-- The peer: the same views over the log as `agentos log export --format parquet` writes it (envelope as columns, payload as
-- JSON text). Each family of events is parsed once, and only for what its views need.
CREATE TEMP VIEW events AS
SELECT seq, "at", "type", subject AS client, actor, data,
       CASE WHEN starts_with(stream, 'task/') THEN substr(stream, 6) ELSE correlation END AS task
FROM read_parquet('$FILES');

CREATE TEMP TABLE task_events AS
SELECT seq, "at", "type", task, client,
       json_extract_string(data, ['$.trigger', '$.rehearsal', '$.by', '$.plan.workflow', '$.code']) AS x,
       CASE WHEN "type" = 'task.parked' THEN from_json(json_extract(data, '$.why'),
            '[{"kind":"VARCHAR","on":"VARCHAR","until":"VARCHAR"}]') END AS parked
FROM events WHERE starts_with("type", 'task.');

CREATE TEMP TABLE step_events AS
SELECT seq, "at", "type", task, client, x[1] AS step, x[2]::UINTEGER AS round, x[3]::UINTEGER AS attempt, x[4] AS agent,
       x[5] AS agent_version, x[6] AS tier, x[7]::DOUBLE AS confidence, x[8] AS kind, x[9] AS code,
       x[10] AS retry_at, x[11] AS redo
FROM (SELECT *, json_extract_string(data, ['$.step', '$.round', '$.attempt', '$.agent', '$.agent_version', '$.tier',
      '$.confidence', '$.kind', '$.code', '$.retry_at', '$.redo']) AS x FROM events WHERE starts_with("type", 'step.'));

CREATE TEMP TABLE model_events AS
SELECT seq, "at", "type", task, client, CASE WHEN starts_with(actor, 'agent:') THEN substr(actor, 7) END AS by_agent,
       x[1] AS call, x[2] AS step, x[3] AS tier, x[4] AS model, x[5]::BIGINT AS tokens_in, x[6]::BIGINT AS tokens_out,
       x[7]::BIGINT AS latency_ms, x[8]::BOOLEAN AS cached, x[9]::BIGINT AS tokens, x[10]::DECIMAL(38,12) AS amount,
       x[11] AS currency, x[12] AS why
FROM (SELECT *, json_extract_string(data, ['$.call', '$.step', '$.tier', '$.model', '$.tokens_in', '$.tokens_out',
      '$.latency_ms', '$.cached', '$.tokens', '$.cost.amount', '$.cost.currency', '$.why']) AS x
      FROM events WHERE starts_with("type", 'model.'));

CREATE TEMP TABLE card_events AS
SELECT seq, "at", "type", task, client, x[1] AS card, x[2] AS step, x[3] AS kind, x[4] AS via, x[5] AS expires_at,
       coalesce(x[6], 'false') = 'false' AS asks, json_array_length(x[7]) AS struck,
       CASE WHEN "type" = 'approval.requested' THEN list_distinct(json_extract_string(x[8], '$[*].code')) END AS reasons,
       CASE WHEN "type" = 'approval.requested' THEN json_extract_string(x[9], '$[*].key') END AS effects
FROM (SELECT *, json_extract_string(data, ['$.card', '$.step', '$.kind', '$.via', '$.expires_at', '$.body.notice', '$.struck',
      '$.reasons', '$.effects']) AS x FROM events WHERE starts_with("type", 'approval.'));

CREATE TEMP TABLE effect_events AS
SELECT seq, "at", "type", task, client, x[1] AS effect, x[2]::UINTEGER AS attempt, x[3] AS step, x[4] AS system, x[5] AS account,
       x[6] AS verb, x[7] AS authority, x[8] AS undoes, x[9] AS kind, x[10] AS code, x[11] AS retry_at,
       CASE WHEN x[4] = 'ledger' THEN CASE WHEN x[15] IS NULL THEN 'book' ELSE 'receive' END END AS entry,
       coalesce(x[12], x[16], x[24])::DECIMAL(38,12) AS net, coalesce(x[13], x[17], x[25])::DECIMAL(38,12) AS vat,
       coalesce(x[14], x[18], x[15], x[26])::DECIMAL(38,12) AS gross, coalesce(x[19], x[20], x[27]) AS currency,
       coalesce(x[21], x[28], x[29], CASE WHEN NOT contains(x[22], '⟦') THEN x[22] END) AS number,
       CASE WHEN x[4] = 'ledger' OR "type" <> 'effect.started' THEN
         coalesce(CASE WHEN x[4] = 'ledger' THEN x[23] END, x[30], x[31], CASE WHEN NOT contains(x[32], '⟦') THEN x[32] END)
       END::DATE AS "on", x[33]::DATE AS due
FROM (SELECT *, json_extract_string(data, ['$.effect', '$.attempt', '$.step', '$.system', '$.account', '$.verb', '$.authority',
      '$.undoes', '$.kind', '$.code', '$.retry_at', '$.amounts.net.amount', '$.amounts.vat.amount', '$.amounts.gross.amount',
      '$.payload.amount', '$.payload.net', '$.payload.vat', '$.payload.gross', '$.amounts.gross.currency',
      '$.payload.currency', '$.assigned.number', '$.payload.invoice', '$.assigned.date', '$.receipt.data.net',
      '$.receipt.data.vat', '$.receipt.data.gross', '$.receipt.data.currency', '$.receipt.data.number',
      '$.receipt.data.invoice', '$.receipt.data.issued_on', '$.receipt.data.date', '$.payload.date', '$.receipt.data.due'
      ]) AS x FROM events WHERE starts_with("type", 'effect.'));

CREATE TEMP TABLE tasks_of_steps AS
SELECT task, count(DISTINCT step)::UINTEGER AS steps, count(*) FILTER ("type" = 'step.failed')::UINTEGER AS failed_steps,
       list(seq) AS seqs FROM step_events GROUP BY task;
CREATE TEMP TABLE tasks_of_models AS
SELECT task, count(*) FILTER ("type" = 'model.called')::UINTEGER AS model_calls,
       sum(tokens) FILTER ("type" = 'model.settled')::BIGINT AS tokens,
       sum(amount) FILTER ("type" = 'model.settled') AS cost, max(currency) FILTER ("type" = 'model.settled') AS cost_currency,
       list(seq) AS seqs FROM model_events GROUP BY task;
CREATE TEMP TABLE tasks_of_cards AS
SELECT task, count(*) FILTER ("type" = 'approval.requested')::UINTEGER AS cards,
       count(*) FILTER ("type" = 'approval.requested' AND asks)::UINTEGER AS interruptions,
       count(*) FILTER ("type" = 'approval.edited')::UINTEGER AS edits, list(seq) AS seqs FROM card_events GROUP BY task;
CREATE TEMP TABLE tasks_of_effects AS
SELECT task, count(*) FILTER ("type" IN ('effect.done', 'effect.found'))::UINTEGER AS effects, list(seq) AS seqs
FROM effect_events GROUP BY task;

CREATE TEMP TABLE tasks AS
SELECT t.task, client, workflow, "trigger", rehearsal, opened_at, planned_at, closed_at,
       CASE WHEN status = 'resumed' THEN CASE WHEN planned_at IS NULL THEN 'opened' ELSE 'planned' END ELSE status END AS status,
       code, coalesce(cards, 0) AS cards, coalesce(interruptions, 0) AS interruptions, coalesce(edits, 0) AS edits,
       coalesce(steps, 0) AS steps, coalesce(failed_steps, 0) AS failed_steps, coalesce(effects, 0) AS effects,
       coalesce(model_calls, 0) AS model_calls, coalesce(tokens, 0) AS tokens, coalesce(cost, 0) AS cost, cost_currency,
       CASE WHEN status = 'parked' THEN list_transform(parked, lambda one: one.kind) END AS parked,
       list_sort(list_concat(t.seqs, s.seqs, m.seqs, c.seqs, e.seqs)) AS seqs
FROM (SELECT task, max(client) AS client, max(x[4]) AS workflow, max(x[1]) AS "trigger", max(x[2]) = 'true' AS rehearsal,
             min("at") FILTER ("type" = 'task.opened') AS opened_at, min("at") FILTER ("type" = 'task.planned') AS planned_at,
             min("at") FILTER ("type" IN ('task.completed', 'task.failed', 'task.cancelled')) AS closed_at,
             coalesce(arg_min(substr("type", 6), seq) FILTER ("type" IN ('task.completed', 'task.failed', 'task.cancelled')),
                      arg_max(substr("type", 6), seq)) AS status,
             arg_max(x[5], seq) FILTER ("type" = 'task.failed') AS code, arg_max(parked, seq) AS parked, list(seq) AS seqs
      FROM task_events GROUP BY task) t
LEFT JOIN tasks_of_steps s USING (task) LEFT JOIN tasks_of_models m USING (task)
LEFT JOIN tasks_of_cards c USING (task) LEFT JOIN tasks_of_effects e USING (task);

CREATE TEMP TABLE steps AS
SELECT s.task, s.step, client, agent, agent_version, tier, status, rounds, attempts, failures, confidence, started_at,
       CASE WHEN status <> 'started' THEN ended_at END AS ended_at, coalesce(model_calls, 0) AS model_calls,
       coalesce(tokens, 0) AS tokens, coalesce(cost, 0) AS cost, cost_currency,
       list_sort(list_concat(s.seqs, coalesce(m.seqs, []))) AS seqs
FROM (SELECT task, step, max(client) AS client, arg_max(agent, seq) AS agent, arg_max(agent_version, seq) AS agent_version,
             arg_max(tier, seq) AS tier, max(round) AS rounds, count(*) FILTER ("type" = 'step.started')::UINTEGER AS attempts,
             arg_max(CASE WHEN "type" = 'step.started' THEN 'started' WHEN "type" = 'step.completed' THEN 'completed'
                     WHEN kind = 'transient' THEN 'waiting' WHEN redo IS NOT NULL THEN 'sent_back' ELSE 'failed' END, seq)
               AS status,
             count(*) FILTER ("type" = 'step.failed')::UINTEGER AS failures, arg_max(confidence, seq) AS confidence,
             min("at") FILTER ("type" = 'step.started') AS started_at,
             max("at") FILTER ("type" <> 'step.started') AS ended_at, list(seq) AS seqs
      FROM step_events GROUP BY task, step) s
LEFT JOIN (SELECT task, step, count(*) FILTER ("type" = 'model.called')::UINTEGER AS model_calls,
                  sum(tokens) FILTER ("type" = 'model.settled')::BIGINT AS tokens,
                  sum(amount) FILTER ("type" = 'model.settled') AS cost,
                  max(currency) FILTER ("type" = 'model.settled') AS cost_currency,
                  list(seq) FILTER ("type" <> 'model.reserved') AS seqs
           FROM model_events GROUP BY task, step) m USING (task, step);

CREATE TEMP TABLE approvals AS
SELECT card, min(task) AS task, max(client) AS client, arg_min(step, seq) AS step, max(kind) AS kind,
       replace(arg_max(substr("type", 10), seq), 'requested', 'open') AS status, bool_or(asks) AS asks,
       min("at") FILTER ("type" = 'approval.requested') AS asked_at,
       max("at") FILTER ("type" <> 'approval.requested') AS decided_at, arg_max(via, seq) AS via,
       arg_min(effects, seq) AS effects, arg_min(reasons, seq) AS reasons, list(seq ORDER BY seq) AS seqs
FROM card_events GROUP BY card;

CREATE TEMP TABLE effects AS
WITH rows AS (
  SELECT effect, arg_min(task, seq) AS task, max(client) AS client, arg_max(step, seq) AS step, arg_max(system, seq) AS system,
         arg_max(account, seq) AS account, arg_max(verb, seq) AS verb, arg_max(entry, seq) AS entry, arg_max(net, seq) AS net,
         arg_max(vat, seq) AS vat, arg_max(gross, seq) AS amount, arg_max(currency, seq) AS currency,
         arg_max(number, seq) AS number, arg_max("on", seq) AS "on", arg_max(due, seq) AS due,
         min("at") FILTER ("type" = 'effect.started') AS started_at,
         min("at") FILTER ("type" IN ('effect.done', 'effect.found')) AS done_at, max(attempt) AS attempts,
         arg_max(authority, seq) AS authority, arg_max(undoes, seq) AS undoes, arg_max("type", seq) AS last_type,
         arg_max(kind, seq) AS kind, list(seq ORDER BY seq) AS seqs
  FROM effect_events GROUP BY effect)
SELECT r.* EXCLUDE (last_type, kind), u.effect AS undone_by,
       CASE WHEN u.effect IS NOT NULL AND r.done_at IS NOT NULL THEN 'undone' WHEN r.done_at IS NOT NULL THEN 'done'
            WHEN r.last_type = 'effect.in_doubt' THEN 'in_doubt' WHEN r.last_type = 'effect.started' THEN 'started'
            WHEN r.kind = 'transient' THEN 'waiting' ELSE 'failed' END AS status
FROM rows r LEFT JOIN rows u ON u.undoes = r.effect AND u.done_at IS NOT NULL;

CREATE TEMP TABLE numbers AS
SELECT x[1] AS series, x[2]::UBIGINT AS serial, max(x[3]) AS number, max(x[4]) AS effect, min(task) AS task,
       min("at") FILTER ("type" = 'number.assigned') AS assigned_at, min("at") FILTER ("type" = 'number.voided') AS voided_at,
       list(seq ORDER BY seq) AS seqs
FROM (SELECT *, json_extract_string(data, ['$.series', '$.number', '$.text', '$.effect']) AS x
      FROM events WHERE starts_with("type", 'number.')) GROUP BY 1, 2;

CREATE TEMP TABLE calls AS
SELECT task, call, max(client) AS client, max(step) AS step, max(by_agent) AS agent, max(tier) AS tier, max(model) AS model,
       min("at") AS "at", max(latency_ms) AS latency_ms, bool_or(cached) AS cached, max(tokens_in) AS tokens_in,
       max(tokens_out) AS tokens_out, max(tokens) FILTER ("type" = 'model.settled') AS tokens,
       max(amount) FILTER ("type" = 'model.reserved') AS reserved, max(amount) FILTER ("type" = 'model.settled') AS cost,
       max(currency) AS currency,
       CASE WHEN count(*) FILTER ("type" = 'model.called') > 0 THEN 'answered'
            WHEN max(why) <> 'answered' THEN 'lost' WHEN count(*) FILTER ("type" = 'model.settled') > 0 THEN 'answered'
            ELSE 'reserved' END AS status, list(seq ORDER BY seq) AS seqs
FROM model_events GROUP BY task, call;

CREATE TEMP TABLE invoices AS
WITH paid AS (SELECT number, currency, sum(amount) AS paid, max("on") AS paid_on, flatten(list(seqs)) AS seqs FROM effects
              WHERE system = 'ledger' AND verb = 'receive' AND status = 'done' GROUP BY number, currency),
     issued AS (SELECT e.*, coalesce(p.paid, 0) AS paid, paid_on, list_sort(list_concat(e.seqs, coalesce(p.seqs, []))) AS all_seqs,
                       CASE WHEN e.status = 'done' THEN amount - coalesce(p.paid, 0) END AS open
                FROM effects e LEFT JOIN paid p USING (number, currency)
                WHERE system = 'invoice' AND verb = 'issue' AND status <> 'failed')
SELECT number AS invoice, client, CASE WHEN status = 'undone' THEN 'credited' WHEN status <> 'done' THEN 'draft'
         WHEN open <= 0 THEN 'paid' WHEN due < DATE '$TODAY' THEN 'overdue' WHEN paid > 0 THEN 'partly' ELSE 'open' END AS status,
       "on" AS issued_on, due AS due_on, net, vat, amount AS gross, paid, open, currency, paid_on, task, effect,
       all_seqs AS seqs
FROM issued;

CREATE TEMP TABLE receivables AS
SELECT client, currency, sum(open) AS open, coalesce(sum(open) FILTER (status = 'overdue'), 0) AS overdue,
       count(*)::UINTEGER AS invoices, min(due_on) AS oldest_due, list_sort(flatten(list(seqs))) AS seqs
FROM invoices WHERE status IN ('open', 'partly', 'overdue') GROUP BY client, currency;

CREATE TEMP TABLE balances AS
SELECT account, currency, sum(amount) AS balance, count(*)::UINTEGER AS entries, max("on") AS last_on,
       list_sort(flatten(list(seqs))) AS seqs
FROM (SELECT 'receivable' AS account, CASE WHEN entry = 'book' THEN amount ELSE -amount END AS amount, currency, "on", seqs
      FROM effects WHERE entry IS NOT NULL AND done_at IS NOT NULL
      UNION ALL SELECT 'income', -net, currency, "on", seqs FROM effects WHERE entry = 'book' AND done_at IS NOT NULL
      UNION ALL SELECT 'output VAT', -vat, currency, "on", seqs FROM effects WHERE entry = 'book' AND done_at IS NOT NULL
      UNION ALL SELECT 'bank', amount, currency, "on", seqs FROM effects WHERE entry = 'receive' AND done_at IS NOT NULL)
GROUP BY account, currency;

CREATE TEMP TABLE costs AS
SELECT make_timestamp(epoch_us("at"))::DATE AS day, model, tier, agent, currency, count(*)::UINTEGER AS calls,
       sum(tokens)::BIGINT AS tokens, sum(cost) AS cost, median(latency_ms) AS median_ms,
       list_sort(flatten(list(seqs))) AS seqs
FROM calls GROUP BY ALL;
