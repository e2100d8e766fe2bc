-- The calls table in plain SQL: an independent definition against which imilab.calls is tested.
-- Tables: receipts, requests. Parameters: $as_of_ms, $horizon_ms.
WITH known_codes (code, kind, outcome, reason) AS (
    VALUES ('7407', 'offered', NULL, NULL),
           ('7408', 'accepted', NULL, NULL),
           ('7519', 'answered', 'answered', NULL),
           ('7411', 'trombone_connected', NULL, NULL),
           ('7412', 'trombone_released', NULL, NULL),
           ('7410', 'disconnected', NULL, NULL),
           ('7402', 'failure', 'busy', 'customer busy'),
           ('7401', 'failure', 'no_answer', 'no answer'),
           ('7406', 'failure', 'rejected', 'call rejected'),
           ('7404', 'failure', 'other', 'others'),
           ('7409', 'failure', 'dropped', 'dropped'),
           ('7208', 'failure', 'expired', 'message expired')
),
known_statuses (status, kind, outcome, reason, code) AS (
    VALUES ('OFFERED', 'offered', NULL, NULL, NULL),
           ('ACCEPTED', 'accepted', NULL, NULL, NULL),
           ('ANSWERED', 'answered', 'answered', NULL, NULL),
           ('TROMBONE CONNECTED', 'trombone_connected', NULL, NULL, NULL),
           ('TROMBONE RELEASED', 'trombone_released', NULL, NULL, NULL),
           ('DISCONNECTED', 'disconnected', NULL, NULL, NULL),
           ('RELEASED', 'released', 'other', 'ended by the platform without an answer', NULL),
           ('REJECTED', 'failure', 'other', 'reason unknown', NULL),
           ('DROPPED', 'failure', 'dropped', 'dropped', '7409'),
           ('MESSAGE EXPIRED', 'failure', 'expired', 'message expired', '7208')
),
-- Of failures at the same moment the higher number wins.
ties (reason, number) AS (
    VALUES ('reason unknown', 1), ('others', 2), ('no answer', 3), ('customer busy', 4), ('call rejected', 5),
           ('message expired', 6), ('dropped', 7)
),
attempted AS (SELECT * FROM requests WHERE state <> 'planned'),
cleaned AS (
    SELECT *, trim(code, E' \t\n\r') AS clean_code,
           upper(trim(regexp_replace(status, '[ \t\n\r_-]+', ' ', 'g'))) AS clean_status,
           coalesce(event_at_ms, received_at_ms) AS at_ms
    FROM receipts
),
events AS (
    SELECT cleaned.message_id, cleaned.correlation_id, at_ms, msisdn, number_key, country, number_type,
           (clean_code <> '' AND c.kind IS NULL) OR (clean_status <> '' AND s.kind IS NULL) AS is_unknown,
           CASE WHEN c.kind IS NOT NULL THEN c.kind ELSE s.kind END AS kind,
           CASE WHEN c.kind IS NOT NULL THEN c.outcome ELSE s.outcome END AS outcome,
           CASE WHEN c.kind IS NOT NULL THEN c.reason ELSE s.reason END AS reason,
           CASE WHEN c.kind IS NOT NULL THEN clean_code
                WHEN s.status = 'REJECTED' THEN nullif(clean_code, '')
                ELSE s.code END AS error_code,
           coalesce(
               (SELECT min(a.correlation_id) FROM attempted AS a WHERE a.message_id = cleaned.message_id),
               (SELECT a.correlation_id FROM attempted AS a WHERE a.correlation_id = cleaned.correlation_id),
               nullif(cleaned.message_id, ''),
               cleaned.correlation_id
           ) AS key
    FROM cleaned
    LEFT JOIN known_codes AS c ON c.code = cleaned.clean_code
    LEFT JOIN known_statuses AS s ON s.status = cleaned.clean_status
),
keys AS (SELECT key FROM events UNION SELECT correlation_id FROM attempted),
failures AS (
    SELECT events.*, row_number() OVER (
        PARTITION BY key
        ORDER BY kind = 'released', at_ms DESC NULLS LAST, number DESC, error_code DESC NULLS LAST
    ) AS place
    FROM events LEFT JOIN ties ON ties.reason = events.reason
    WHERE kind IN ('failure', 'released')
),
ends AS (
    SELECT *, row_number() OVER (
        PARTITION BY key ORDER BY at_ms NULLS LAST, CASE kind WHEN 'disconnected' THEN 1 WHEN 'released' THEN 2 ELSE 3 END
    ) AS place
    FROM events WHERE kind IN ('disconnected', 'released') OR outcome = 'dropped'
),
told AS (
    SELECT key,
           max(message_id) FILTER (message_id <> '') AS message_id,
           max(correlation_id) FILTER (correlation_id <> '') AS correlation_id,
           max(msisdn) FILTER (msisdn <> '') AS msisdn,
           max(number_key) FILTER (number_key <> '') AS number_key,
           max(country) FILTER (country <> '') AS country,
           max(number_type) FILTER (number_type <> '') AS number_type,
           min(at_ms) AS first_ms,
           min(at_ms) FILTER (kind = 'offered') AS offered_at_ms,
           min(at_ms) FILTER (kind = 'accepted') AS accepted_at_ms,
           min(at_ms) FILTER (kind = 'answered') AS answered_at_ms,
           bool_or(kind = 'answered') IS TRUE AS picked_up,
           bool_or(kind = 'disconnected') IS TRUE AS hung_up,
           bool_or(kind IN ('trombone_connected', 'trombone_released')) IS TRUE AS transferred,
           count(*) AS receipts,
           count(*) FILTER (is_unknown) AS unknown_receipts
    FROM events GROUP BY key
),
joined AS (
    SELECT keys.key, a.*, told.* EXCLUDE (key, msisdn, number_key, country, number_type, message_id, correlation_id),
           coalesce(a.message_id, told.message_id) AS the_message_id,
           coalesce(a.correlation_id, told.correlation_id) AS the_correlation_id,
           coalesce(a.msisdn, told.msisdn) AS the_msisdn,
           coalesce(a.number_key, told.number_key) AS the_number_key,
           coalesce(a.country, told.country) AS the_country,
           coalesce(a.number_type, told.number_type) AS the_number_type,
           coalesce(picked_up OR hung_up, false) AS is_answered,
           f.outcome AS failure, f.reason AS failure_reason, f.error_code AS failure_code, f.at_ms AS failure_ms,
           f.kind AS failure_kind,
           e.kind AS end_kind, e.at_ms AS end_ms, e.key IS NOT NULL AS has_end,
           f.at_ms < told.answered_at_ms AS failed_before
    FROM keys
    LEFT JOIN attempted AS a ON a.correlation_id = keys.key
    LEFT JOIN told ON told.key = keys.key
    LEFT JOIN failures AS f ON f.key = keys.key AND f.place = 1
    LEFT JOIN ends AS e ON e.key = keys.key AND e.place = 1
),
decided AS (
    SELECT *,
           CASE WHEN is_answered THEN 'answered'
                WHEN failure IS NOT NULL THEN failure
                WHEN state = 'rejected' THEN 'not_placed'
                WHEN $as_of_ms - coalesce(send_at_ms, requested_at_ms, first_ms) > $horizon_ms THEN 'lost'
                ELSE 'pending' END AS final_outcome,
           CASE WHEN NOT is_answered THEN failure_ms
                WHEN has_end THEN end_ms
                WHEN failed_before THEN NULL
                ELSE failure_ms END AS ended_at_ms,
           CASE WHEN NOT is_answered THEN NULL
                WHEN end_kind = 'failure' THEN 'dropped'
                WHEN has_end THEN end_kind
                WHEN failed_before THEN NULL
                ELSE failure END AS end_reason
    FROM joined
)
SELECT coalesce(the_message_id, the_correlation_id) AS call_id,
       the_correlation_id AS correlation_id, the_message_id AS message_id, campaign, arm, the_msisdn AS msisdn,
       the_number_key AS number_key, the_country AS country, caller_id, content_type, media_id, language, voice,
       voice_type, gender, region, requested_at_ms, offered_at_ms, accepted_at_ms, answered_at_ms, ended_at_ms,
       final_outcome AS outcome,
       CASE WHEN is_answered THEN NULL
            WHEN failure IS NOT NULL THEN failure_code
            WHEN final_outcome = 'not_placed' THEN coalesce(nullif(code, ''), 'HTTP ' || http_status) END AS error_code,
       CASE WHEN is_answered THEN NULL
            WHEN failure IS NOT NULL THEN failure_reason
            WHEN final_outcome = 'not_placed' THEN message END AS error_reason,
       end_reason, plan_id, design, block, position, stratum, the_number_type AS number_type,
       CASE WHEN (CASE WHEN is_answered THEN answered_at_ms ELSE ended_at_ms END) >= coalesce(accepted_at_ms, offered_at_ms)
            THEN ((CASE WHEN is_answered THEN answered_at_ms ELSE ended_at_ms END)
                  - coalesce(accepted_at_ms, offered_at_ms))::DOUBLE / 1000 END AS ring_seconds,
       CASE WHEN is_answered AND ended_at_ms >= answered_at_ms
            THEN (ended_at_ms - answered_at_ms)::DOUBLE / 1000 END AS talk_seconds,
       is_answered AND NOT picked_up AS answer_inferred,
       coalesce(transferred, false) AS transferred,
       coalesce(receipts, 0) AS receipts, coalesce(unknown_receipts, 0) AS unknown_receipts
FROM decided
