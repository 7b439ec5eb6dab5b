"""The rows of the specification: titles, tests elsewhere that cover them, and open rows."""

from __future__ import annotations

ROWS = {
    "O1": "`ElizaOS()` holds registered runtimes",
    "O2": "`add_agents`",
    "O3": "ephemeral runtimes",
    "O4": "`skip_migrations`",
    "O5": "a database adapter that is given",
    "O6": "start, stop, delete, register and update agents",
    "O7": "`handle_message`, waiting or with callbacks",
    "O8": "`handle_messages`",
    "O9": "discovery",
    "O10": "orchestrator events",
    "O11": "`health_check`",
    "O12": "`validate_api_keys`",
    "O13": "`has_eliza_os`, `eliza_os`",
    "R1": "a runtime's life",
    "R2": "`string_to_uuid`",
    "R3": "`message_service.handle_message`",
    "R4": "registering components",
    "R5": "`compose_state`",
    "R6": "`process_actions`, `evaluate`, action results, planned tool calls",
    "R7": "models",
    "R8": "runtime events",
    "R9": "services",
    "R10": "settings",
    "R11": "runs",
    "R12": "connections",
    "R13": "message routing",
    "R14": "memory and data verbs",
    "R15": "`queue_embedding_generation`, `add_embedding_to_memory`",
    "R16": "`get_conversation_length`",
    "R17": "tasks and task workers",
    "R18": "plugin routes",
    "R19": "the plugin `bootstrap`",
    "R20": "`RuntimeConfig`",
    "R21": "`runtime.logger`",
    "P1": "the prompt",
    "P2": "whether to respond",
    "P3": "planning and acting",
    "P4": "`execute_planned_tool_call`",
    "P5": "action chaining, plans",
    "P6": "callback contents",
    "P7": "evaluators",
    "P8": "attachments",
    "P9": "`delete_message`, `clear_channel`",
    "P10": "errors",
    "C1": "`Character`",
    "C2": "character files",
    "C3": "`Plugin`",
    "C4": "plugin discovery",
    "C5": "plugin order",
    "C6": "model plugins",
    "D1": "SQLite",
    "D2": "Postgres",
    "D3": "one behaviour on both",
    "D4": "migrations",
    "D5": "ids and times",
    "D6": "embedding dimensions",
    "D7": "contract suites for other databases",
    "D8": "audit trail",
    "E1": "embedding priorities",
    "E2": "embedding payloads",
    "E3": "draining",
    "E4": "nothing lost",
    "E5": "`BatchQueue`",
    "E6": "recall",
    "L1": "the warm environment",
    "L2": "API Gateway and function URLs",
    "L3": "direct invocation",
    "L4": "SQS",
    "L5": "WebSocket",
    "L6": "schedule",
    "L7": "migrating as a deploy step",
    "L8": "deadlines",
    "L9": "the template",
    "N1": "one effect for each message id",
    "N2": "a crash between any two steps",
    "N3": "two messages at once in one room",
    "N4": "identity",
    "N5": "bad input",
}

_TURN = "tests/integration/test_turn.py"
_STORE_TURNS = "runtime_core/testing/stores/turns.py"
_STORE_LIFE = "runtime_core/testing/stores/database.py"
_LAMBDA = "tests/integration/test_lambda_process.py"
_PIPELINE = "tests/integration/test_pipeline.py"
_BOOTSTRAP = "tests/integration/test_bootstrap_actions.py"
_BATCHES = "tests/unit/queues/embedding/test_batch_queue.py"
_DRAIN = "tests/component/queues/embedding/test_drain.py"
_EMBED = "tests/handlers/test_embed.py"
_WORK = "tests/handlers/test_work.py"
SHOWN_BY = {
    "R2": ["tests/unit/domain/test_ids.py::test_a_text_has_the_uuid_that_elizaos_gives_it"],
    "R5": ["tests/component/turn/test_state.py::test_one_that_raises_or_times_out_is_noted_and_left_out"],
    "R7": ["tests/component/agent/test_models.py::test_a_failure_that_may_pass_goes_on_to_the_next_provider"],
    "R8": [f"{_TURN}::test_every_event_of_a_turn_is_told"],
    "R17": [f"{_WORK}::test_overlapping_ticks_and_duplicate_deliveries_run_each_task_once"],
    "R21": ["tests/component/runtime/test_runtime.py::test_secrets_never_reach_a_log_line"],
    "P1": [
        f"{_TURN}::test_the_model_reads_character_earlier_messages_and_the_exact_text",
        f"{_TURN}::test_two_identical_states_give_byte_identical_requests",
    ],
    "P2": [
        "tests/unit/turn/test_should_respond.py::test_a_muted_room_is_silent_until_the_agent_is_mentioned",
        f"{_PIPELINE}::test_elsewhere_a_small_model_decides",
        f"{_PIPELINE}::test_stop_mutes_the_room_until_the_agent_is_named",
        f"{_PIPELINE}::test_a_template_of_the_character_asks_in_its_words",
    ],
    "P3": [
        f"{_TURN}::test_a_model_that_never_stops_calling_tools_is_asked_for_its_last_word",
        f"{_PIPELINE}::test_in_the_text_protocol_results_go_back_until_the_model_answers",
    ],
    "R19": [
        f"{_BOOTSTRAP}::test_a_room_is_followed_and_unfollowed_on_demand",
        f"{_BOOTSTRAP}::test_roles_are_changed_by_those_above",
        f"{_BOOTSTRAP}::test_an_option_is_chosen_and_the_task_done_once",
        f"{_PIPELINE}::test_reflection_keeps_facts_and_relationships_once",
    ],
    "P5": [f"{_PIPELINE}::test_actions_see_the_plan_and_the_state_keeps_how_it_went"],
    "P8": [
        "tests/integration/test_attachments.py::test_a_name_that_means_another_address_when_it_is_connected_to_reaches_nothing_inside",
        "tests/integration/test_attachments.py::test_an_image_by_url_is_described",
        "tests/integration/test_attachments.py::test_what_cannot_be_read_is_noted_and_the_message_answered",
    ],
    "P9": [f"{_PIPELINE}::test_deleting_and_clearing_tell_whoever_listens"],
    "E1": [
        f"{_BATCHES}::test_high_drains_within_two_batches_while_fifty_thousand_low_wait",
        "tests/infra/test_template.py::test_each_priority_has_a_concurrency_of_its_own",
    ],
    "E2": [
        f"{_EMBED}::test_a_queued_job_has_only_ids_and_a_hash",
        f"{_DRAIN}::test_a_text_changed_before_the_drain_is_embedded_as_it_is_now",
    ],
    "E3": [
        f"{_DRAIN}::test_a_batch_over_the_limits_takes_as_few_calls_as_they_allow",
        f"{_DRAIN}::test_a_poisoned_text_is_found_by_halves_and_fails_alone_with_its_reason",
    ],
    "E4": [
        f"{_EMBED}::test_the_drain_task_embeds_memories_that_were_never_enqueued",
        "runtime_core/testing/stores/embeddings.py::test_what_is_overdue_is_claimed_once_and_by_its_priority",
    ],
    "E5": [
        f"{_BATCHES}::test_no_more_batches_run_at_once_than_allowed",
        f"{_BATCHES}::test_an_item_is_given_up_after_its_attempts_and_a_hopeless_one_at_once",
        f"{_EMBED}::test_agents_of_one_batch_are_embedded_concurrently_and_a_broken_one_fails_alone",
        f"{_EMBED}::test_the_drain_is_a_task_of_the_agent_that_overlapping_ticks_do_once",
    ],
    "E6": [
        "runtime_core/testing/stores/search.py::test_words_and_vector_are_fused",
        "tests/integration/test_recall.py::test_hybrid_embeds_the_message_beside_the_claim_and_finds_by_meaning",
    ],
    "L4": [
        f"{_EMBED}::test_a_turn_queues_the_message_high_and_the_answer_normal_and_the_handler_embeds_both",
        "tests/handlers/test_inbox.py::test_a_room_is_answered_in_order",
        f"{_WORK}::test_an_invalid_or_failing_job_is_redelivered_and_delays_no_other",
    ],
    "L6": [
        f"{_WORK}::test_without_a_queue_the_tick_runs_the_due_tasks",
        f"{_EMBED}::test_without_a_queue_the_drain_task_embeds_the_pending_memories",
    ],
    "P6": [f"{_TURN}::test_later_actions_see_earlier_results_and_what_they_send_is_stored"],
    "P7": [f"{_WORK}::test_evaluators_are_enqueued_by_id_and_run_in_the_worker"],
    "C1": ["tests/unit/domain/test_character.py::test_one_text_as_bio_is_one_paragraph_not_letters"],
    "C2": [
        "tests/unit/domain/test_character.py::test_a_file_of_the_first_elizaos_loads_unchanged",
        "tests/unit/domain/test_character.py::test_nothing_that_a_file_says_is_lost",
    ],
    "C4": ["tests/unit/agent/test_plugin_loading.py::test_built_in_plugins_answer_to_the_references_names"],
    "D1": ["tests/component/runtime/test_runtime.py::test_without_an_adapter_sqlite_needs_no_configuration"],
    "D2": ["tests/integration/test_postgres_pooler.py::test_two_hundred_interleaved_turns_over_two_server_connections"],
    "D3": ["tests/contract/test_stores.py::TestRecords"],
    "D4": [f"{_STORE_LIFE}::test_of_ten_that_migrate_at_once_each_migration_is_applied_by_one"],
    "D5": ["runtime_core/testing/stores/memories.py::test_times_are_utc_to_the_microsecond"],
    "D6": ["runtime_core/testing/stores/memories.py::test_models_of_different_dimensions_live_side_by_side"],
    "D7": ["tests/contract/test_stores.py::TestTurns"],
    "D8": ["runtime_core/testing/stores/records.py::test_a_log_line_is_never_changed_or_deleted"],
    "L1": [f"{_LAMBDA}::test_a_thousand_warm_invocations_cost_two_round_trips_and_one_model_call_each"],
    "L2": ["tests/handlers/test_api.py::test_a_message_of_any_source_is_answered"],
    "L3": ["tests/handlers/test_message.py::test_a_message_returns_an_answer_and_its_ids"],
    "L7": ["tests/handlers/test_migrate.py::test_it_applies_the_missing_migrations_once"],
    "L8": ["tests/handlers/test_message.py::test_a_model_that_answers_too_late_ends_in_time_to_free_the_claim"],
    "L9": ["tests/infra/test_template.py::test_every_function_has_its_handler_and_runs_on_python_3_13"],
    "N1": [
        f"{_TURN}::test_the_same_message_id_gets_the_stored_answer",
        f"{_TURN}::test_of_twenty_deliveries_at_once_one_answers",
    ],
    "N2": [
        f"{_TURN}::test_a_failed_turn_is_resumed_by_the_next_delivery_without_running_its_actions_again",
        f"{_STORE_TURNS}::test_an_owner_that_was_replaced_stores_nothing",
    ],
    "N3": [f"{_TURN}::test_two_messages_at_once_in_one_room_are_both_answered"],
    "N5": ["tests/handlers/test_message.py::test_bad_input_is_named_and_no_row_is_written"],
}
"""Tests that cover a row without its mark, as `file::name`."""

OPEN = {
    "L5": "WebSocket",
}
"""Rows without a test, and the missing work; a row with a test must not be listed."""

PARTLY: dict[str, str] = {}
"""Rows that their tests cover in part, and what is omitted."""
