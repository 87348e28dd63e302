"""What happens on an exchange: adapters of the `Exchange` and `MarketFeed` ports."""
