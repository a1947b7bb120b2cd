"""The search: space, controller, PPO, reward, loop, trials, report."""
