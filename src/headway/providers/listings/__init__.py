"""What providers themselves say of the models they serve, and how that is kept between starts."""
