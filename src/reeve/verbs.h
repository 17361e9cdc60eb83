/* The verbs of the command, one function each; the table is in reeve.c. */
#pragma once

#include "reeve/command.h"

int attach_verb(const struct command *command);
int check_verb(const struct command *command);
int check_config_verb(const struct command *command);
int connections_verb(const struct command *command);
int create_verb(const struct command *command);
int create_rm_verb(const struct command *command);
int down_verb(const struct command *command);
int init_verb(const struct command *command);
int logs_verb(const struct command *command);
int status_ls_verb(const struct command *command);
int reload_verb(const struct command *command);
int pin_verb(const struct command *command);
int run_verb(const struct command *command);
int status_verb(const struct command *command);
int steer_start_verb(const struct command *command);
int steer_stop_verb(const struct command *command);
int steer_restart_verb(const struct command *command);
int token_verb(const struct command *command);
int user_verb(const struct command *command);
int steer_signal_verb(const struct command *command);
int why_verb(const struct command *command);
int route_verb(const struct command *command);
