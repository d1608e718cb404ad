"""The pages of the site, made from the published warehouse after every other stage."""
