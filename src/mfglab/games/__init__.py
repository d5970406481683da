"""The mathematics: games, costs, optimality residuals, closed forms and the catalogue."""
